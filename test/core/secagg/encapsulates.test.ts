import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encapsulates } from '../../../src/core/secagg/derive.ts';
import { places } from './member-group.ts';

test('of two members exactly one encapsulates, and in a whole group all do it equally often, to one more or less', () => {
  for (let size = 2; size <= 65; size++) {
    const sent = places(size).map(at => places(size).filter(to => to !== at && encapsulates(at, to)).length);
    for (const at of places(size))
      for (const to of places(at)) assert.notEqual(encapsulates(at, to), encapsulates(to, at), `${at} and ${to}`);
    assert.ok(Math.max(...sent) - Math.min(...sent) <= 1, `${size} members: ${sent}`);
  }
});
