/**
 * What the coordinator sees of a group depends on the sum alone: two assignments of inputs with the same sum, as different as can be, give views
 * that no test tells apart. The view is that of the worst case: all self masks of survivors opened, one member a colluder who tells its pair
 * masks, one input late, of a member whose root was opened.
 *
 * Keys and signatures are stand-ins here, masks and machines are real: it is what members add to their inputs that is looked at.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Mask } from '../../src/core/secagg/mask.ts';
import { standInPrimitives, standInSigner } from '../../src/simulation/secagg-stand-ins.ts';
import { added, bytesFrom, hashOf, places, stripped, TestGroup } from './secagg-session.ts';

const [size, colluder, late] = [6, 5, 4];
const all = places(size);
/** Honest members of the sum: all but the colluder and the one that is called lost. */
const honest = all.filter(at => at !== colluder && at !== late);
const words = 160;
const sessions = 20;

type Inputs = (at: number, word: number) => number;

/** All inputs of the honest members are zero but the first one's; and the same sum spread over all, with huge parts of both signs. */
const concentrated: Inputs = at => (at === honest[0] ? 1_000_003 : 0);
const spread: Inputs = (at, word) => {
  const part = (i: number) => Math.imul(0x9e3779b1, i * words + word + 1) | 0;
  if (at !== honest[0]) return part(at);
  return (1_000_003 - honest.slice(1).reduce((total, other) => (total + part(other)) | 0, 0)) | 0;
};

/** What a member adds to its input, out of the masks of its machine: the first is its own, the others are with those of U2, ascending. */
type Masking = (masks: readonly Mask[], at: number) => readonly Mask[];
const real: Masking = masks => masks;
const withoutSelf: Masking = masks => masks.slice(1);
const withoutPairs: Masking = masks => masks.slice(0, 1);
/** Pair masks with one member alone, who is then the one to ask. */
const withColluder: Masking = (masks, at) =>
  at === colluder ? masks : [masks[0], masks[1 + colluder - Number(at < colluder)]];

interface View {
  /** Of each honest survivor: what is left when everything that the coordinator knows is off. */
  readonly survivors: readonly Int32Array[];
  /** Of the late member. */
  readonly late: Int32Array;
}

function sessionOf(seed: string): TestGroup {
  const group = new TestGroup({ size, seed });
  const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
  const members = group.members.map(member => {
    const signer = standInSigner(sha256, hashOf(`${seed}/${member.peer.at}`));
    return { ...member, signer, peer: { ...member.peer, publicKey: signer.publicKey } };
  });
  return Object.assign(group, { members, primitives: standInPrimitives(sha256, bytesFrom(seed)) });
}

/** The masks of all members in one session, as their machines give them. */
const masksOf = (seed: string) => {
  const group = sessionOf(seed).reach('masking');
  return { group, masks: all.map(at => group.masks.get(at) ?? []) };
};

const drawn = [0, 1].map(run => Array.from({ length: sessions }, (_, i) => masksOf(`run ${run} session ${i}`)));

/** The views of one run of sessions under an assignment. */
function views(run: number, inputs: Inputs, masking: Masking): Promise<View[]> {
  return Promise.all(
    drawn[run].map(async ({ group, masks }) => {
      const seenOf = async (at: number, known: readonly Mask[]) => {
        const input = Int32Array.from({ length: words }, (_, word) => inputs(at, word));
        const used = masking(masks[at], at);
        const open = known.filter(mask => used.includes(mask));
        return stripped(await added(input, used, group), open, group);
      };
      const pairWith = (at: number, other: number) => masks[at][1 + other - Number(at < other)];
      const survivors = honest.map(at => seenOf(at, [masks[at][0], pairWith(at, colluder), pairWith(at, late)]));
      return { survivors: await Promise.all(survivors), late: await seenOf(late, masks[late].slice(1)) };
    }),
  );
}

/** Two bits each of the words of all survivors but the last: 64 cells. */
function jointCells(seen: readonly View[]): number[] {
  const counts = new Array<number>(64).fill(0);
  for (const { survivors } of seen)
    for (let word = 0; word < words; word++) {
      const cell = survivors.slice(0, 3).reduce((code, vector) => 4 * code + (vector[word] >>> 30), 0);
      counts[cell]++;
    }
  return counts;
}

/** Six bits, the lowest and the highest three, of each word of a vector. */
function cells(vectors: readonly Int32Array[]): number[] {
  const counts = new Array<number>(64).fill(0);
  for (const vector of vectors) for (const word of vector) counts[((word >>> 29) << 3) | (word & 7)]++;
  return counts;
}

/** χ² against the uniform distribution. */
function fit(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
}

/** χ² of two samples of one size against being of one distribution. */
function apart(one: readonly number[], two: readonly number[]): number {
  return one.reduce((total, count, i) => total + (count === two[i] ? 0 : (count - two[i]) ** 2 / (count + two[i])), 0);
}

/** Of χ² with 63 degrees of freedom: exceeded once in 100,000 times. */
const limit = 121;

/** All that is measured of two runs: each χ² has 63 degrees of freedom where views depend on the sum alone. */
async function statistics(masking: Masking): Promise<number[]> {
  const [one, two] = await Promise.all([views(0, concentrated, masking), views(1, spread, masking)]);
  const single = (seen: readonly View[], i: number) => cells(seen.map(({ survivors }) => survivors[i]));
  const lateOf = (seen: readonly View[]) => cells(seen.map(view => view.late));
  return [
    ...[one, two].flatMap(seen => [
      fit(jointCells(seen)),
      fit(lateOf(seen)),
      ...honest.map((_, i) => fit(single(seen, i))),
    ]),
    apart(jointCells(one), jointCells(two)),
    apart(lateOf(one), lateOf(two)),
    ...honest.map((_, i) => apart(single(one, i), single(two, i))),
  ];
}

test('the two assignments have one sum and nothing else in common', () => {
  for (let word = 0; word < words; word++) {
    const totals = [concentrated, spread].map(inputs => honest.reduce((sum, at) => (sum + inputs(at, word)) | 0, 0));
    assert.deepEqual(totals, [1_000_003, 1_000_003]);
    assert.ok(honest.every(at => concentrated(at, word) !== spread(at, word)));
  }
});

test('views of different inputs with one sum are distributed alike: uniform, any all but one of them jointly', async () => {
  for (const statistic of await statistics(real)) assert.ok(statistic < limit, `χ² ${statistic}`);
});

test('what the coordinator is left with adds up to the sum of the honest inputs, and to nothing more', async () => {
  for (const inputs of [concentrated, spread])
    for (const { survivors } of await views(0, inputs, real))
      for (let word = 0; word < words; word++)
        assert.equal(
          survivors.reduce((total, vector) => (total + vector[word]) | 0, 0),
          1_000_003,
        );
});

for (const [who, masking] of [
  ['without a self mask', withoutSelf],
  ['without pair masks', withoutPairs],
  ['who share pair masks with the colluder alone', withColluder],
] as const) {
  test(`views of members ${who} are told apart`, async () => {
    const measured = await statistics(masking);
    assert.ok(Math.max(...measured) > 10 * limit, `χ² ${Math.max(...measured)}`);
  });
}
