/** A coordinator that steers the grouping, so that a victim stands among more colluders than its group bears. */
import assert from 'node:assert/strict';
import { createCipheriv, createHash, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import { compareBytes } from '../../src/core/bytes/cbor.ts';
import { checkReveals, coinOf, commitment, drawRoot, type PartyValue } from '../../src/core/secagg/coin.ts';
import { committing, revealing } from '../../src/core/secagg/coin-party.ts';
import { dealGroups, dealKey } from '../../src/core/secagg/deal-groups.ts';
import { groupThresholds } from '../../src/core/secagg/thresholds.ts';

const sha256 = (...parts: (string | number)[]) => new Uint8Array(createHash('sha256').update(parts.join()).digest());
const hash = { sha256: (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest()) };
const hkdf = (key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number) =>
  new Uint8Array(hkdfSync('sha256', key, salt, info, length));

const [clients, groups, sybils] = [30, 3, 6];
const { colluders: borne } = groupThresholds(clients / groups, { honest: 5, colluders: null });
const victim = sha256('victim');
const parties = ['honest', 'bought', 'owned'].map(name => sha256('party', name));
const context = { federation: 'clinics', task: sha256('task'), epoch: 3, draw: 0 };

const isSybil = new Set(Array.from({ length: sybils }, (_, i) => sha256('sybil', i).join()));

/** The victim, the sybils, and honest clients of which the coordinator may leave some out. */
function cohort(choice: number): Uint8Array[] {
  const others = Array.from({ length: clients - sybils - 1 }, (_, i) => sha256('client', i === 0 ? choice : -i));
  const colluding = Array.from({ length: sybils }, (_, i) => sha256('sybil', i));
  return [victim, ...colluding, ...others].sort(compareBytes);
}

function groupsOf(members: readonly Uint8Array[], coin: Uint8Array): number[][] {
  const cipher = createCipheriv('aes-256-ctr', dealKey(coin, { hkdf }), new Uint8Array(16));
  return dealGroups(members, groups, count => cipher.update(new Uint8Array(count)));
}

/** Whether the victim's group holds more sybils than it bears. */
function isOpen(members: readonly Uint8Array[], coin: Uint8Array): boolean {
  const at = members.findIndex(member => compareBytes(member, victim) === 0);
  const group = groupsOf(members, coin).find(places => places.includes(at)) ?? [];
  return group.filter(place => isSybil.has(members[place].join())).length > borne;
}

function drawOf(secrets: readonly Uint8Array[], draw = 0): { commitments: PartyValue[]; reveals: PartyValue[] } {
  const reveals = parties.map((party, i) => ({ party, value: secrets[i] }));
  return {
    reveals,
    commitments: reveals.map(({ party, value }) => ({
      party,
      value: commitment(value, { ...context, draw }, party, hash),
    })),
  };
}

/** The coin that the coordinator computes if the honest secret is `guess`; the true one if it is. */
function coin(members: readonly Uint8Array[], secrets: readonly Uint8Array[], guess: Uint8Array, draw = 0): Uint8Array {
  const { commitments, reveals } = drawOf(secrets, draw);
  const root = drawRoot({ ...context, draw }, members, commitments, hash);
  return coinOf(root, [{ ...reveals[0], value: guess }, ...reveals.slice(1)], hash);
}

const trials = 400;
const choices = 8;

/** Trials in which the coordinator, choosing among cohorts by `guess` of the honest party's secret, has the victim open to it. */
function successes(guess: (honest: Uint8Array, trial: number) => Uint8Array): number {
  let count = 0;
  for (let trial = 0; trial < trials; trial++) {
    const secrets = [sha256('honest', trial), sha256('bought', trial), sha256('owned', trial)];
    const guessed = guess(secrets[0], trial);
    const cohorts = Array.from({ length: choices }, (_, i) => cohort(i));
    const chosen = cohorts.find(members => isOpen(members, coin(members, secrets, guessed))) ?? cohorts[0];
    count += Number(isOpen(chosen, coin(chosen, secrets, secrets[0])));
  }
  return count;
}

/** P[more than three of six sybils among the nine of 29 that are dealt to the victim]: hypergeometric. */
const chance = (15 * 33_649 + 6 * 8_855 + 1_771) / 10_015_005;
const spread = Math.sqrt(trials * chance * (1 - chance));

test('with all coin parties the coordinator chooses who stands beside the victim: the attack works', () => {
  assert.equal(borne, 3);
  const expected = trials * (1 - (1 - chance) ** choices);
  assert.ok(successes(honest => honest) > expected - 6 * spread);
});

test('with all coin parties but one it gets no more than chance', () => {
  const count = successes((_honest, trial) => sha256('guess', trial));
  assert.ok(Math.abs(count - trials * chance) < 5 * spread, `${count} of ${trials}`);
});

test('after it has seen the coin, no honest party reveals for another cohort or draw', () => {
  const secrets = parties.map((_, i) => sha256('secret', i));
  const { commitments, reveals } = drawOf(secrets);
  const party = parties[0];
  const memory = committing(null, context, commitments[0].value);
  const revealed = revealing(memory, context, { party, cohort: cohort(0), commitments }, hash);
  checkReveals(context, commitments, reveals, hash);
  const again = { party, cohort: cohort(1), commitments };
  assert.throws(() => revealing(revealed, context, again, hash), { code: 'equivocation' });
  // Another commitment of a party that it owns would be another coin.
  const other = [commitments[0], commitments[1], { ...commitments[2], value: sha256('other') }];
  const altered = { party, cohort: cohort(0), commitments: other };
  assert.throws(() => revealing(revealed, context, altered, hash), { code: 'equivocation' });
  // A bought party that withholds its secret, or gives another, voids the draw; it cannot choose.
  assert.throws(() => checkReveals(context, commitments, reveals.slice(0, 2), hash), { code: 'draw-void' });
  const false2 = [...reveals.slice(0, 2), { ...reveals[2], value: sha256('other') }];
  assert.throws(() => checkReveals(context, commitments, false2, hash), { code: 'false-reveal' });
  const second = committing(revealed, { ...context, draw: 1 }, sha256('commitment'));
  assert.throws(() => committing(second, { ...context, draw: 2 }, sha256('commitment')), { code: 'draw-spent' });
});

test('to void a draw that it dislikes gives it twice the chance at most', () => {
  let count = 0;
  for (let trial = 0; trial < trials; trial++) {
    const members = cohort(0);
    const isGood = [0, 1].some(draw => {
      const secrets = ['honest', 'bought', 'owned'].map(name => sha256('void', name, trial, draw));
      return isOpen(members, coin(members, secrets, secrets[0], draw));
    });
    count += Number(isGood);
  }
  const expected = trials * (1 - (1 - chance) ** 2);
  assert.ok(expected < 2 * trials * chance);
  assert.ok(Math.abs(count - expected) < 5 * Math.sqrt(2) * spread, `${count} of ${trials}`);
});

test('groups that were not dealt by the coin are not those that a client deals', () => {
  const members = cohort(0);
  const drawn = sha256('coin');
  const dealt = groupsOf(members, drawn);
  // The coordinator changes places of one sybil and one honest client.
  const at = members.findIndex(member => isSybil.has(member.join()));
  const [from, to] = [dealt.findIndex(group => group.includes(at)), dealt.findIndex(group => !group.includes(at))];
  const swapped = dealt.map((group, i) => {
    const changed = i === from ? group.map(place => (place === at ? dealt[to][0] : place)) : group;
    return (i === to ? [at, ...changed.slice(1)] : changed).toSorted((a, b) => a - b);
  });
  assert.notDeepEqual(swapped, dealt);
  assert.deepEqual(groupsOf(members, drawn), dealt);
});
