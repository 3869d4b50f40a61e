import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refused } from '../../src/conformance/case.ts';
import { BinaryField } from '../../src/conformance/implementations/binary-field.ts';
import { agreed } from '../../src/conformance/implementations/every-port.ts';
import { flowerShareFunctions } from '../../src/conformance/implementations/flower-shares.ts';
import { groupFunctions } from '../../src/conformance/implementations/group-must-not.ts';
import { GroupSession } from '../../src/conformance/implementations/group-session.ts';
import { maskMustNotFunctions } from '../../src/conformance/implementations/mask-must-not.ts';
import { replayMustNotFunctions } from '../../src/conformance/implementations/replay.ts';
import { slip39Functions } from '../../src/conformance/implementations/slip39.ts';
import { slip39Words } from '../../src/conformance/implementations/slip39-words.ts';
import { isRefusal } from '../../src/conformance/judge.ts';
import { nodeGroupPrimitives } from '../../src/node/group-primitives.ts';

const rijndael = new BinaryField(0x11bn);

test('GF(2^8) is that of FIPS 197 §4.2: {57} · {83} = {c1}', () => {
  assert.equal(rijndael.multiply(0x57n, 0x83n), 0xc1n);
  assert.equal(rijndael.power(2n, 8), 0x1bn);
});

test('a polynomial over GF(2^8) is found from as many points as it has coefficients, everywhere', () => {
  const byte = fc.bigInt({ min: 0n, max: 255n });
  fc.assert(
    fc.property(
      fc.array(byte, { minLength: 1, maxLength: 5 }),
      fc.uniqueArray(byte, { minLength: 5, maxLength: 5 }),
      byte,
      (coefficients, places, at) => {
        const value = (x: bigint) =>
          coefficients.reduce((sum, c, i) => sum ^ rijndael.multiply(c, rijndael.power(x, i)), 0n);
        const points = places.map(x => [x, value(x)] as const);
        assert.equal(rijndael.interpolate(points, at), value(at));
      },
    ),
    { numRuns: 30 },
  );
  assert.throws(
    () =>
      rijndael.interpolate(
        [
          [1n, 2n],
          [1n, 3n],
        ],
        0n,
      ),
    RangeError,
  );
});

test('the 1024 words of SLIP-0039 are in order and told apart by four letters', () => {
  assert.equal(slip39Words.length, 1024);
  assert.deepEqual([...slip39Words].sort(), slip39Words);
  assert.equal(new Set(slip39Words.map(word => word.slice(0, 4))).size, 1024);
  assert.ok(slip39Words.every(word => /^[a-z]{4,8}$/.test(word)));
});

test('one word that is changed in a mnemonic is always found', () => {
  // Case 1 of the published vectors of SLIP-0039.
  const mnemonic =
    'duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode duke ajar critical decision keyboard';
  const combine = (words: readonly string[]) => slip39Functions['slip39/combine'].run({ mnemonics: [words.join(' ')] });
  const words = mnemonic.split(' ');
  assert.equal(combine(words), 'bb54aac4b89dc868ba37d9cc21b2cece');
  for (const at of words.keys()) {
    const next = slip39Words[(slip39Words.indexOf(words[at]) + 1) % 1024];
    assert.throws(() => combine(words.with(at, next)), isRefusal);
  }
  assert.throws(() => combine(words.with(3, 'parley')), isRefusal);
});

test('shares of the peer are refused when there are fewer than its threshold', () => {
  const combine = flowerShareFunctions['flower/shamir_gf2_128_combine'];
  const shares = { '1': '00'.repeat(16), '2': '11'.repeat(16) };
  assert.equal(typeof combine.run({ given: { threshold: 2, shares } }), 'string');
  assert.throws(() => combine.run({ given: { threshold: 3, shares } }), isRefusal);
});

test('altered shares of this build are found, and too few are refused', () => {
  assert.equal(flowerShareFunctions['flower/shamir-tamper'].run({}), true);
  assert.throws(() => flowerShareFunctions['flower/shamir-too-few'].run({}), isRefusal);
});

test('what the must-not list requires of masks, weights, groups and captured messages holds', async () => {
  const given = { seed: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', count: 4 };
  const { 'flower/stage_machine': _, ...groups } = groupFunctions;
  const all = { ...maskMustNotFunctions, ...replayMustNotFunctions, ...groups };
  assert.equal(Object.keys(all).length, 7);
  for (const [id, { run }] of Object.entries(all)) assert.equal(await run({ given }), true, id);
});

test('a member goes from step to step in one order only, and begins anew from each', async () => {
  const { valid } = (await groupFunctions['flower/stage_machine'].run({})) as { valid: string[] };
  assert.equal(valid.length, 7);
  assert.equal(valid.filter(move => move.endsWith('→ setup')).length, 4);
});

test('a group that is told the truth opens shares, and one that is told nothing does not', async () => {
  const primitives = await nodeGroupPrimitives();
  const session = new GroupSession(5, primitives);
  session.honestUntil('quorum');
  assert.deepEqual(
    session.sentAs('group-unmask').map(({ at }) => at),
    [0, 1, 2, 3, 4],
  );
  const silent = new GroupSession(5, primitives);
  silent.honestUntil('boxes');
  assert.deepEqual(silent.sentAs('group-unmask'), []);
  assert.equal(silent.tell(0, 'quorum', silent.quorumMessage([])).problem, 'bad-request');
  assert.throws(() => new GroupSession(5, primitives).truth(0), TypeError);
});

test('ports that answer differently are a failure, not a refusal', () => {
  const refuse = () => {
    throw new RangeError('no');
  };
  assert.equal(agreed([() => 'a', () => 'a']), 'a');
  assert.equal(agreed([refuse, () => refused]), refused);
  assert.throws(() => agreed([() => 'a', () => 'b']), TypeError);
  assert.throws(() => agreed([() => 'a', refuse]), TypeError);
});
