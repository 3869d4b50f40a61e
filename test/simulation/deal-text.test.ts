import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textSchema } from '../../src/core/data/text-schema.ts';
import { UserError } from '../../src/core/protocol/problem.ts';
import { dealParagraphs, dealRoles } from '../../src/simulation/deal-text.ts';

const schema = textSchema.parse({
  format: 'text',
  alphabet: 'abc\n',
  window: 4,
  split: { type: 'tail', trainFraction: 0.5 },
});
const roles = [
  { name: 'First Lord', text: 'a'.repeat(12) },
  { name: 'ANNE', text: 'b'.repeat(40) },
  { name: 'Page', text: 'c'.repeat(9) },
  { name: 'anne', text: 'b'.repeat(20) },
];
const refused = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

test('each role that says enough for a window on both sides is a client; of too many those that say most', () => {
  const names = (minimum: number, clients: number | null) =>
    dealRoles(schema, roles, minimum, clients, 'plays').map(({ name }) => name);
  assert.deepEqual(names(0, null), ['first-lord', 'anne', 'anne-2']);
  assert.deepEqual(names(15, null), ['anne', 'anne-2']);
  assert.deepEqual(names(0, 1), ['anne']);
  const [lord] = dealRoles(schema, roles, 0, null, 'plays');
  assert.deepEqual([...lord.data.train.labels], [0, 0, 0, 0]);
  assert.throws(() => names(0, 4), refused(/^plays: has 3 roles that say enough for a client, of 4 needed/));
  assert.throws(() => names(99, null), refused(/has 0 roles/));
});

test('paragraphs are dealt at random, each to one client', () => {
  const letters = ['a', 'b', 'c'];
  const all = Array.from({ length: 30 }, (_, i) => letters[i % 3].repeat(10 + i));
  const sites = dealParagraphs(schema, all.join('\n\n'), 3, 7, 'plays');
  assert.deepEqual(
    sites.map(({ name }) => name),
    ['client-1', 'client-2', 'client-3'],
  );
  for (const { data } of sites) assert.equal(new Set([...data.train.labels, ...data.test.labels]).size, 4);
  assert.deepEqual(dealParagraphs(schema, all.join('\n\n'), 3, 7, 'plays'), sites);
  assert.notDeepEqual(dealParagraphs(schema, all.join('\n\n'), 3, 8, 'plays'), sites);
  assert.throws(() => dealParagraphs(schema, 'aaa\n\nbbb', 3, 7, 'plays'), refused(/has 2 paragraphs for 3 clients/));
});
