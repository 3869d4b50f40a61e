import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combinedText, groupTroubles, openGroupsText } from '../../src/cli/groups-line.ts';
import type { GroupReport } from '../../src/coordinator/store.ts';
import { sampleReport } from '../storage/samples.ts';

const members = ['a', 'b', 'c', 'd'];
const opened: GroupReport = { members, survivors: ['a', 'b', 'c'], outcome: 'opened', why: null, blamed: [] };
const lost: GroupReport = { members: ['e', 'f'], survivors: [], outcome: 'void', why: 'too few', blamed: ['f'] };
const report = (groups: readonly GroupReport[], combined: readonly string[]) =>
  sampleReport('aa', 1, { cohort: 6, combined, groups });

test('a round tells how many clients are in the opened sums, and of what groups nothing came', () => {
  assert.equal(combinedText(report([opened], ['group-1'])), '3/6 clients in 1 group');
  assert.equal(combinedText(report([opened, lost], ['group-1'])), '3/6 clients in 1 group, 1 void');
  assert.equal(combinedText(report([lost], [])), 'void: the model stays as it was');
  assert.equal(combinedText(sampleReport('aa', 1)), '2/4 clients');
});

test('a round tells why a group was void and who broke the protocol', () => {
  assert.deepEqual(groupTroubles(report([opened], ['group-1'])), []);
  assert.deepEqual(groupTroubles(report([opened, lost], ['group-1'])), [
    'group-2: too few',
    'broke the protocol of its group: f',
  ]);
});

test('open groups tell their step and who has done it', () => {
  const common = { members: 4, gone: [], survivors: 0, why: null };
  const groups = [
    { ...common, name: 'group-1', stage: 'keys', answered: ['a'] },
    { ...common, name: 'group-2', stage: 'void', answered: [] },
  ] as const;
  assert.equal(openGroupsText(groups), 'group-1 trains 1/4');
});
