import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes } from '../../../src/core/bytes/cbor.ts';
import type { ProblemCode } from '../../../src/core/protocol/problem.ts';
import {
  checkCommitments,
  checkReveals,
  coinOf,
  commitment,
  type DrawContext,
  drawRoot,
  type PartyValue,
} from '../../../src/core/secagg/coin.ts';
import { committing, revealing } from '../../../src/core/secagg/coin-party.ts';

const hash = { sha256: (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest()) };

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hashes = (least: number, most: number) =>
  fc.uniqueArray(bytes32, { minLength: least, maxLength: most, comparator: (a, b) => compareBytes(a, b) === 0 });

const contexts: fc.Arbitrary<DrawContext> = fc.record({
  federation: fc.constantFrom('clinics', 'banks'),
  task: bytes32,
  epoch: fc.nat(1000),
  draw: fc.nat(1),
});

interface Drawn {
  readonly context: DrawContext;
  readonly cohort: readonly Uint8Array[];
  readonly commitments: readonly PartyValue[];
  readonly reveals: readonly PartyValue[];
}

const drawn: fc.Arbitrary<Drawn> = fc
  .tuple(contexts, hashes(1, 12), hashes(3, 7), hashes(7, 7))
  .map(([context, cohort, parties, secrets]) => {
    const reveals = parties.map((party, i) => ({ party, value: secrets[i] }));
    return { context, cohort, reveals, commitments: reveals.map(one => committed(one, context)) };
  });

function committed({ party, value }: PartyValue, context: DrawContext): PartyValue {
  return { party, value: commitment(value, context, party, hash) };
}

function coin({ context, cohort, commitments, reveals }: Drawn): string {
  checkReveals(context, commitments, reveals, hash);
  return hex(coinOf(drawRoot(context, cohort, commitments, hash), reveals, hash));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function problem(code: ProblemCode) {
  return { name: 'Problem', code };
}

test('everybody computes the same coin, in whatever order they hear', () => {
  fc.assert(
    fc.property(drawn, draw => {
      const turned: Drawn = {
        ...draw,
        cohort: draw.cohort.toReversed(),
        commitments: draw.commitments.toReversed(),
        reveals: [...draw.reveals.slice(1), draw.reveals[0]],
      };
      assert.equal(coin(turned), coin(draw));
    }),
  );
});

test('the last party to reveal cannot choose: any other secret is refused, and silence voids the draw', () => {
  fc.assert(
    fc.property(drawn, bytes32, fc.integer({ min: 0, max: 40 }), (draw, other, length) => {
      const { context, commitments, reveals } = draw;
      const last = reveals[reveals.length - 1];
      const before = reveals.slice(0, -1);
      fc.pre(compareBytes(last.value, other) !== 0);
      for (const value of [other, last.value.slice(0, length % 32), new Uint8Array(33)]) {
        const changed = [...before, { ...last, value }];
        assert.throws(() => checkReveals(context, commitments, changed, hash), problem('false-reveal'));
      }
      assert.throws(() => checkReveals(context, commitments, before, hash), problem('draw-void'));
    }),
  );
});

test('whoever knows all secrets but one cannot foretell the coin', () => {
  const context = { federation: 'clinics', task: new Uint8Array(32), epoch: 1, draw: 0 };
  const cohort = Array.from({ length: 5 }, (_, i) => new Uint8Array(32).fill(i));
  const counts = new Float64Array(16);
  const draws = 4800;
  for (let i = 0; i < draws; i++) {
    // The adversary's two secrets stay; the honest one is fresh.
    const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), hash.sha256(Uint8Array.of(i, i >> 8))];
    const reveals = secrets.map((value, p) => ({ party: new Uint8Array(32).fill(p), value }));
    const commitments = reveals.map(one => committed(one, context));
    counts[Number.parseInt(coin({ context, cohort, commitments, reveals })[0], 16)]++;
  }
  const expected = draws / 16;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // The 0.999 quantile of χ² with 15 degrees of freedom is 37.7.
  assert.ok(chiSquare < 37.7, `χ² = ${chiSquare}`);
});

test('another cohort, context or commitment gives another coin', () => {
  fc.assert(
    fc.property(drawn, bytes32, (draw, extra) => {
      fc.pre(draw.cohort.every(client => compareBytes(client, extra) !== 0));
      const { context, cohort, commitments } = draw;
      const root = (c: DrawContext, clients: readonly Uint8Array[], said = commitments) =>
        hex(drawRoot(c, clients, said, hash));
      const roots = [
        root(context, cohort),
        root(context, [...cohort, extra]),
        root(context, [...cohort.slice(1), extra]),
        root({ ...context, federation: 'others' }, cohort),
        root({ ...context, task: hash.sha256(context.task) }, cohort),
        root({ ...context, epoch: context.epoch + 1 }, cohort),
        root({ ...context, draw: 1 - context.draw }, cohort),
        root(context, cohort, [{ ...commitments[0], value: extra }, ...commitments.slice(1)]),
      ];
      assert.equal(new Set(roots).size, roots.length);
    }),
  );
});

test('a commitment copied from another party, or from another draw, cannot be opened', () => {
  fc.assert(
    fc.property(drawn, ({ context, commitments, reveals }) => {
      const copied = [commitments[0], { ...commitments[1], value: commitments[0].value }, ...commitments.slice(2)];
      const revealed = [reveals[0], { ...reveals[1], value: reveals[0].value }, ...reveals.slice(2)];
      assert.throws(() => checkReveals(context, copied, revealed, hash), problem('false-reveal'));
      const later = { ...context, epoch: context.epoch + 1 };
      assert.throws(() => checkReveals(later, commitments, reveals, hash), problem('false-reveal'));
    }),
  );
});

test('a second reveal, one of a stranger and a wrong number of parties are refused', () => {
  fc.assert(
    fc.property(drawn, bytes32, ({ context, cohort, commitments, reveals }, stranger) => {
      fc.pre(reveals.every(({ party }) => compareBytes(party, stranger) !== 0));
      const check = (list: readonly PartyValue[]) => () => checkReveals(context, commitments, list, hash);
      assert.throws(check([...reveals, reveals[0]]), problem('equivocation'));
      assert.throws(check([...reveals, { party: stranger, value: stranger }]), problem('forbidden'));
      const root = (said: readonly PartyValue[]) => () => drawRoot(context, cohort, said, hash);
      assert.throws(root(commitments.slice(0, 2)), problem('bad-request'));
      assert.throws(root([...commitments.slice(0, 2), commitments[0]]), problem('bad-request'));
      assert.throws(
        () => drawRoot(context, [...cohort, cohort[0]], commitments, hash),
        problem('bad-request'),
        'a client twice',
      );
      assert.throws(() => drawRoot(context, [], commitments, hash), problem('bad-request'));
    }),
  );
});

test('a draw has a commitment of every coin party of the task and of nobody else', () => {
  fc.assert(
    fc.property(drawn, bytes32, ({ commitments }, stranger) => {
      const parties = commitments.map(({ party }) => party);
      fc.pre(parties.every(party => compareBytes(party, stranger) !== 0));
      checkCommitments(parties.toReversed(), commitments);
      const check = (list: readonly PartyValue[]) => () => checkCommitments(parties, list);
      assert.throws(check([...commitments.slice(1), { party: stranger, value: stranger }]), problem('forbidden'));
      assert.throws(check([...commitments, commitments[0]]), { name: 'Problem' });
      assert.throws(check([...commitments.slice(1), commitments[1]]), { name: 'Problem' });
      if (parties.length > 3) assert.throws(check(commitments.slice(1)), problem('draw-void'));
    }),
  );
});

test('a coin party reveals for one cohort only, however often it is asked', () => {
  fc.assert(
    fc.property(drawn, bytes32, (draw, extra) => {
      fc.pre(draw.cohort.every(client => compareBytes(client, extra) !== 0));
      const { context: drawnContext, cohort, commitments } = draw;
      const context = { ...drawnContext, draw: 0 };
      const { party, value } = commitments[0];
      const memory = committing(null, context, value);
      const asked = { party, cohort, commitments };
      const revealed = revealing(memory, context, asked, hash);
      assert.deepEqual(revealed.root, drawRoot(context, cohort, commitments, hash));
      assert.deepEqual(revealing(revealed, context, asked, hash), revealed);
      const grown = { ...asked, cohort: [...cohort, extra] };
      assert.throws(() => revealing(revealed, context, grown, hash), problem('equivocation'));
      const altered = { ...asked, commitments: [{ party, value: extra }, ...commitments.slice(1)] };
      assert.throws(() => revealing(memory, context, altered, hash), problem('draw-altered'));
      const without = { ...asked, commitments: commitments.slice(1) };
      assert.throws(() => revealing(memory, context, without, hash), problem('draw-altered'));
      assert.throws(() => revealing(memory, { ...context, draw: 1 }, asked, hash), problem('draw-spent'));
    }),
  );
});

test('an epoch has two draws, in order, and a party goes back to none', () => {
  const value = new Uint8Array(32);
  const spent = problem('draw-spent');
  const first = committing(null, { epoch: 4, draw: 0 }, value);
  assert.throws(() => committing(first, { epoch: 4, draw: 0 }, value), spent);
  const second = committing(first, { epoch: 4, draw: 1 }, value);
  assert.throws(() => committing(second, { epoch: 4, draw: 2 }, value), spent);
  assert.throws(() => committing(second, { epoch: 4, draw: 1 }, value), spent);
  assert.throws(() => committing(second, { epoch: 3, draw: 0 }, value), spent);
  assert.equal(committing(second, { epoch: 5, draw: 0 }, value).epoch, 5);
  // A party that was away in the first draw is there in the second.
  assert.equal(committing(second, { epoch: 5, draw: 1 }, value).draw, 1);
  assert.throws(() => committing(null, { epoch: 0, draw: 2 }, value), spent);
});

test('our own mistakes are no problem of a peer', () => {
  const context = { federation: 'clinics', task: new Uint8Array(32), epoch: 0, draw: 0 };
  const party = new Uint8Array(32);
  assert.throws(() => commitment(new Uint8Array(16), context, party, hash), RangeError);
  for (const wrong of [{ draw: 2 }, { draw: -1 }, { epoch: 0.5 }, { task: new Uint8Array(31) }])
    assert.throws(() => commitment(party, { ...context, ...wrong }, party, hash), RangeError);
});
