import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { planHash, planOfTask } from '../../src/core/privacy/plan.ts';
import { variancePValue } from '../../src/core/privacy-audit/significance.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import type { Task } from '../../src/core/protocol/task.ts';
import { dequantise } from '../../src/core/secagg/encoding.ts';
import { encodeGroupMessage, parseSurvivors } from '../../src/core/secagg/group-message.ts';
import { encodeManifest } from '../../src/core/secagg/manifest.ts';
import { noisyGroupMean } from '../../src/core/secagg/noise-words.ts';
import { MemoryLedger } from '../../src/simulation/memory-ledger.ts';
import { syntheticStep } from '../../src/simulation/synthetic-trainer.ts';
import { budgetFor, localFedAvg, privateTask, sharedFedAvg } from '../simulation/private-federation.ts';
import { build, clients, GroupHost, type PlayerSettings, player } from './group-host.ts';

const { primitives } = simulationPorts;
const everyone = clients.map((_, at) => at);
/** Four members, of whom three have to stay. */
const protection = { kind: 'group', size: 4, honest: 3, colluders: 0 };
const settings = { clients: 4, minimum: 4, privacy: sharedFedAvg, protection };

function taskWith(privacy: object): Task {
  return privateTask({ ...settings, privacy: { ...sharedFedAvg, ...privacy } });
}

async function play(host: GroupHost, of: Partial<Record<number, PlayerSettings>> = {}) {
  const players = everyone.map(at => player(host, at, of[at]));
  const ends = await Promise.allSettled(players.map(one => one.run()));
  return { players, ends };
}

test('what a round costs is durable before a session begins, and committed before the input leaves', async () => {
  const host = new GroupHost({ task: privateTask(settings) });
  const { players, ends } = await play(host);
  for (const end of ends) assert.equal(end.status, 'fulfilled', String((end as PromiseRejectedResult).reason));
  for (const { steps } of players)
    assert.deepEqual(steps.filter(step => step.startsWith('ledger') || step.startsWith('group')).slice(0, 6), [
      'ledger-reserved',
      'group-session-stored',
      'group-keys-sent',
      'group-shares-sent',
      'ledger-committed',
      'group-input-sent',
    ]);
});

test('a round beyond the budget is refused before anything leaves: no key, no share, no input', async () => {
  const epsilon = budgetFor(settings, 1);
  const task = taskWith({ budget: { epsilon } });
  const ledger = new MemoryLedger({ sha256: primitives.sha256, build, faults: {} });
  const first = new GroupHost({ task });
  await play(first, { 2: { ledger } });
  await first.opened();
  const host = new GroupHost({ task, round: 2 });
  const refused = player(host, 2, { ledger });
  await assert.rejects(refused.run(), (error: Problem) => error instanceof Problem && error.code === 'budget-spent');
  assert.deepEqual(host.sent, []);
  assert.equal(refused.steps.includes('group-session-stored'), false);
  assert.deepEqual(
    ledger.ledger.spent.map(({ round }) => round),
    [1],
  );
});

test('what the coordinator opens is the mean of the clipped updates and noise of the planned variance', async () => {
  const noiseMultiplier = 0.5;
  const task = taskWith({ noiseMultiplier });
  const noise: number[] = [];
  for (let round = 1; round <= 3; round++) {
    const host = new GroupHost({ task, round });
    await play(host);
    const { shared } = player(host, 0).context.session;
    assert.ok(shared !== null);
    const [sum, ...others] = await host.opened();
    assert.deepEqual(others, [], 'no figures of a private task');
    const mean = noisyGroupMean(sum, 4, host.manifest.thresholds, shared, 1e9);
    const updates = clients.map(({ name }) => clippedTo(1, differenceOf(name, host)));
    // Of three that stay one knows its own noise: each adds half of what is promised.
    const deviation = (noiseMultiplier * Math.sqrt(4 / 2)) / 4;
    for (const [i, value] of mean.entries())
      noise.push((value - updates.reduce((total, update) => total + update[i], 0) / 4) / deviation);
  }
  assert.ok(variancePValue(Float64Array.from(noise)) > 1e-5, String(noise));
});

test('where each member adds all of the noise its update is longer than the clip bound, and still adds up', async () => {
  const host = new GroupHost({ task: privateTask({ ...settings, privacy: { ...localFedAvg, noiseMultiplier: 4 } }) });
  const { ends } = await play(host);
  for (const end of ends) assert.equal(end.status, 'fulfilled', String((end as PromiseRejectedResult).reason));
  const { encoding, shared } = player(host, 0).context.session;
  assert.ok(encoding !== null && shared === null);
  const [sum] = await host.opened();
  const { sum: total } = dequantise(sum, encoding, 4);
  const updates = clients.map(({ name }) => clippedTo(1, differenceOf(name, host)));
  const noise = total.map((x, i) => (x - updates.reduce((all, update) => all + update[i], 0)) / (4 * Math.sqrt(4)));
  assert.ok(variancePValue(noise) > 1e-5, String(noise));
});

test('a manifest with less noise, fewer survivors or other words than follow from the task is refused', () => {
  const task = privateTask(settings);
  const host = new GroupHost({ task });
  const { manifest, assignment } = host;
  const quieter = planOfTask(taskWith({ noiseMultiplier: 0.5 }));
  assert.ok(quieter !== null && assignment.group !== null);
  const [update] = manifest.segments;
  for (const change of [
    { plan: planHash(quieter, primitives) },
    { plan: null },
    { thresholds: { ...manifest.thresholds, least: 2 } },
    { segments: [{ ...update, bits: 32 as const }] },
    { segments: [{ ...update, words: update.words / 2 }] },
    { clipNorm: 100 },
  ]) {
    const group = { ...assignment.group, manifest: encodeManifest({ ...manifest, ...change }) };
    assert.throws(
      () => player(host, 0, { assignment: { ...assignment, group } }),
      (error: Problem) => error instanceof Problem && error.code === 'bad-request',
      JSON.stringify(change),
    );
  }
});

test('a coordinator that shows fewer survivors than hold the noise gets no share of any mask', async () => {
  const host = new GroupHost({ task: privateTask(settings) });
  const fewer = (channel: CoordinatorChannel): CoordinatorChannel => ({
    ...channel,
    async nextGroup(task, round, after, signal) {
      const told = await channel.nextGroup(task, round, after, signal);
      if (told?.label !== 'group-survivors') return told;
      const message = parseSurvivors(told.payload);
      assert.equal(message.survivors.length, 4);
      return host.sign(told.label, encodeGroupMessage({ ...message, survivors: [0, 1] }));
    },
  });
  const { players } = await play(host, Object.fromEntries(everyone.map(at => [at, { channel: fewer }])));
  const told = new Set(host.sent.map(({ label }) => label));
  assert.ok(told.has('group-input'));
  assert.equal(told.has('group-agree') || told.has('group-unmask'), false);
  assert.notEqual(host.state.stage, 'opened');
  for (const { log } of players) assert.equal(log.at(-1)?.event, 'group-aborted');
});

function differenceOf(name: string, host: GroupHost): Float32Array {
  const trained = syntheticStep(name, host.round, host.model);
  return trained.map((value, i) => value - host.model[i]);
}

function clippedTo(bound: number, update: Float32Array): Float32Array {
  const norm = Math.hypot(...update);
  return update.map(value => value * Math.min(1, bound / norm));
}
