import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PrivacyEvent, parseEvent } from '../../../src/core/privacy/event.ts';
import { deltaLeft, eventEpsilon, eventOrders, eventRdp, eventSlip } from '../../../src/core/privacy/event-rdp.ts';
import { pldEpsilon } from '../../../src/core/privacy/pld.ts';
import { rdpEpsilon } from '../../../src/core/privacy/rdp-epsilon.ts';
import { defaultOrders, integerOrders } from '../../../src/core/privacy/rdp-orders.ts';
import { rdpPure } from '../../../src/core/privacy/rdp-pure.ts';
import { rdpSampledGaussian } from '../../../src/core/privacy/rdp-sampled-gaussian.ts';

const gaussian = { kind: 'gaussian', noiseMultiplier: 1.1 } as const;
const integer = { kind: 'discrete-gaussian', noiseSteps: 1100, sensitivitySteps: 1000, slip: 1e-10 } as const;
const laplace = { kind: 'laplace', scale: 1.5 } as const;

/** Every kind, and which of them have a loss distribution that is no looser than their divergences. */
const events: readonly { readonly event: PrivacyEvent; readonly hasLoss: boolean }[] = [
  { event: { ...gaussian, count: 3 }, hasLoss: true },
  { event: { ...integer, count: 3 }, hasLoss: true },
  { event: { ...laplace, count: 4 }, hasLoss: true },
  { event: { kind: 'randomized-response', noise: 0.5, categories: 4, relation: 'replace' }, hasLoss: true },
  {
    event: { kind: 'randomized-response', noise: 0.5, categories: 4, relation: 'add-remove', count: 3 },
    hasLoss: true,
  },
  { event: { kind: 'epsilon-delta', epsilon: 0.3, delta: 1e-7, count: 4 }, hasLoss: true },
  { event: { kind: 'zcdp', rho: 0.1 }, hasLoss: false },
  { event: { kind: 'sampled', q: 0.01, of: gaussian, count: 100 }, hasLoss: true },
  { event: { kind: 'sampled', q: 0.01, of: integer, count: 100 }, hasLoss: true },
  { event: { kind: 'sampled', q: 0.05, of: laplace, count: 100 }, hasLoss: true },
  { event: { kind: 'sampled-fixed', n: 1000, m: 10, of: gaussian, count: 10 }, hasLoss: false },
  { event: { kind: 'truncated', n: 100, q: 0.05, cap: 10, noiseMultiplier: 1.2, count: 10 }, hasLoss: true },
  { event: { kind: 'shared', clients: 10, noiseSteps: 400, sensitivitySteps: 1000, dimension: 100 }, hasLoss: false },
  {
    event: {
      kind: 'mixture',
      sensitivities: [0, 1, 2],
      probabilities: [0.9, 0.08, 0.02],
      noiseMultiplier: 1,
      count: 10,
    },
    hasLoss: true,
  },
  { event: { kind: 'tree', noiseMultiplier: 2, steps: 100 }, hasLoss: true },
];

test('every kind of event has a divergence, and none that is below its loss distribution', () => {
  for (const { event, hasLoss } of events) {
    const { epsilon } = eventEpsilon(parseEvent(event), 1e-5);
    assert.ok(epsilon > 0 && epsilon < 20, event.kind);
    if (hasLoss) assert.ok(epsilon >= pldEpsilon(event, 1e-5).lower, `${event.kind}: ${epsilon}`);
  }
  assert.equal(eventEpsilon({ kind: 'not-private' }, 1e-5).epsilon, Number.POSITIVE_INFINITY);
  assert.throws(() => eventRdp({ kind: 'unheard-of' } as unknown as PrivacyEvent, [2]), /unknown kind/);
});

test('divergences rise with the order, and counts and compositions add them up', () => {
  for (const { event } of events) {
    const curve = eventRdp(event, defaultOrders);
    for (let i = 1; i < curve.length; i++) assert.ok(curve[i] >= curve[i - 1] * (1 - 1e-9), `${event.kind} at ${i}`);
    const thrice = eventRdp({ kind: 'repeated', of: { kind: 'composed', events: [event, event] }, count: 3 }, [2, 7.5]);
    const once = eventRdp(event, [2, 7.5]);
    for (const i of [0, 1]) assert.ok(Math.abs(thrice[i] - 6 * once[i]) <= 1e-12 * thrice[i], event.kind);
    assert.deepEqual([...eventRdp({ kind: 'repeated', of: event, count: 0 }, [2])], [0]);
  }
});

test('sampled integer noise is counted at whole orders, where it has the moments of continuous noise; between them above', () => {
  const sampled = (of: typeof gaussian | typeof integer): PrivacyEvent => ({ kind: 'sampled', q: 0.01, of });
  assert.equal(eventOrders(sampled(integer)), integerOrders);
  assert.equal(eventOrders(sampled(gaussian)), defaultOrders);
  assert.deepEqual(eventRdp(sampled(integer), integerOrders), eventRdp(sampled(gaussian), integerOrders));
  for (const order of [1.1, 2.5, 10.3])
    assert.ok(eventRdp(sampled(integer), [order])[0] >= eventRdp(sampled(gaussian), [order])[0]);
});

test('a composition of one sampled Gaussian costs what the accountant of steps says', () => {
  const step = { samplingRate: 0.02, noiseMultiplier: 1.3 };
  const event: PrivacyEvent = { kind: 'sampled', q: 0.02, of: { kind: 'gaussian', noiseMultiplier: 1.3 }, count: 500 };
  assert.deepEqual(eventEpsilon(event, 1e-6), rdpEpsilon(step, 500, 1e-6));
});

test('slips are taken off δ once for each release, and nothing is left when they exceed it', () => {
  const sampled: PrivacyEvent = { kind: 'sampled', q: 0.5, of: integer, count: 1000 };
  assert.ok(Math.abs(eventSlip(sampled) / 1e-7 - 1) < 1e-6);
  assert.ok(eventEpsilon(sampled, 1.1e-7).epsilon > eventEpsilon(sampled, 2e-7).epsilon);
  assert.equal(eventEpsilon(sampled, 9e-8).epsilon, Number.POSITIVE_INFINITY);
  assert.equal(deltaLeft(0.5, 0.25), 0.25 / 0.75);
  assert.equal(deltaLeft(0.2, 0.25), null);
  assert.throws(() => deltaLeft(Number.NaN, 0), RangeError);
});

test('what is ε-private and nothing else has the divergence of randomised response, ε at most', () => {
  for (const epsilon of [1e-6, 0.3, 5, 800]) {
    for (const order of [1 + 1e-9, 1.5, 8, 1e6]) {
      const rdp = rdpPure(epsilon, order);
      assert.ok(rdp > 0 && rdp <= epsilon, `${epsilon} ${order}: ${rdp}`);
      const p = 1 / (1 + Math.exp(-epsilon));
      const direct = Math.log(p ** order * (1 - p) ** (1 - order) + (1 - p) ** order * p ** (1 - order)) / (order - 1);
      if (epsilon === 0.3 && order < 1e3 && order > 1.1) assert.ok(Math.abs(rdp / direct - 1) < 1e-12);
    }
    assert.ok(Math.abs(rdpPure(epsilon, 1) / rdpPure(epsilon, 1 + 1e-7) - 1) < 1e-4);
    assert.equal(rdpPure(epsilon, Number.POSITIVE_INFINITY), epsilon);
  }
});

test('moments at whole orders hold for tiny rates and huge orders', () => {
  // Of q → 0 only the pair term is left: α(α − 1)/2·q²·(e^{1/z²} − 1)/(α − 1).
  for (const order of [2, 16, 1024]) {
    const expected = (order / 2) * 1e-24 * Math.expm1(1 / 400);
    assert.ok(Math.abs(rdpSampledGaussian(1e-12, 20, order) / expected - 1) < 1e-6, String(order));
  }
  // Of large orders only the last term is left: α/2z² + α/(α − 1)·ln q.
  for (const [q, order] of [
    [1e-30, 1e5],
    [1e-3, 1e6],
  ] as const) {
    const expected = order / 2 + (order / (order - 1)) * Math.log(q);
    assert.ok(Math.abs(rdpSampledGaussian(q, 1, order) / expected - 1) < 1e-9, `${q} ${order}`);
  }
});
