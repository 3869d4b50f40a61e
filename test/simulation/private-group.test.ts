/** Rounds of groups whose members share the noise of their sum, from end to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskParameters } from '../../src/core/learning/model.ts';
import { eventEpsilon } from '../../src/core/privacy/event-rdp.ts';
import { planOfTask, roundEvent } from '../../src/core/privacy/plan.ts';
import type { PrivateStatement } from '../../src/core/privacy/statement.ts';
import { initialSeed } from '../../src/core/protocol/task.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { clientNames } from './federation.ts';
import {
  budgetFor,
  type PrivateOutcome,
  type PrivateSettings,
  privateRun,
  sharedFedAvg,
} from './private-federation.ts';

const ports = await groupSimulationPorts();
const clients = 8;
const rounds = 3;
const noiseMultiplier = 0.1;
const privacy = { ...sharedFedAvg, noiseMultiplier };
/** Of eight members six have to stay; seven, with two colluders, are sure of the noise of three. */
const settings: PrivateSettings = {
  clients,
  minimum: 6,
  rounds,
  ports,
  privacy,
  protection: { kind: 'group', size: 8, honest: 3, stepSeconds: 5 },
};

interface Ended extends PrivateOutcome {
  readonly status: NonNullable<PrivateOutcome['status']>;
  /** What training has moved the parameters by. */
  readonly moved: Float32Array;
  readonly statement: PrivateStatement;
}

async function run(changes: Partial<PrivateSettings> = {}): Promise<Ended> {
  const outcome = await privateRun({ ...settings, ...changes });
  const { world, ended, status } = outcome;
  assert.deepEqual(world.defects, []);
  assert.ok(ended && status !== null);
  const { parameters, metadata } = decodeSafetensors(await world.coordinator.artifact(status.task));
  const opening = taskParameters(outcome.task, ports.primitives.sha256(initialSeed(outcome.task)));
  const moved = parameters.map((value, i) => value - opening[i]);
  return { ...outcome, status, moved, statement: JSON.parse(metadata.privacy) };
}

/** Every client moves every parameter by the same step, which is clipped to a norm of 1; whoever is not in a sum counts as zero. */
function checkModel({ moved }: Ended, survivors: number, rounds: number): void {
  const expected = (survivors / clients) * (rounds / Math.sqrt(moved.length));
  // Each survivor adds a third of the variance.
  const deviation = (noiseMultiplier / clients) * Math.sqrt((rounds * survivors) / 3);
  const noise = moved.map(x => Math.abs(x - expected) / deviation);
  assert.ok(
    noise.every(value => value < 5),
    `${noise}`,
  );
  assert.ok(Math.hypot(...noise) > 0.3 * Math.sqrt(noise.length), `${noise}`);
}

const paidRounds = ({ spent }: Ended, party: string): number[] =>
  (spent.get(party) ?? []).filter(({ purpose }) => purpose === 'train').map(({ round }) => round);

test('members share the noise of their sum, and all that anybody pays for is one such sum in each round', async () => {
  const outcome = await run();
  const { task, status, spent, statement } = outcome;
  for (const { combined, groups, loss, evaluation } of status.reports)
    assert.deepEqual([combined, groups?.[0].survivors.length, loss, evaluation], [['group-1'], clients, null, null]);
  const plan = planOfTask(task);
  assert.ok(plan !== null && plan.shared?.noisyClients === 3);
  const event = roundEvent(plan, noiseMultiplier);
  assert.equal(event.kind, 'shared');
  assert.equal(spent.size, clients + 1);
  const expected = [1, 2, 3].map((round): unknown[] => [round, 'train', event]);
  for (const [party, entries] of spent) {
    assert.deepEqual(
      entries.map((entry): unknown[] => [entry.round, entry.purpose, entry.event]),
      expected,
      party,
    );
  }
  checkModel(outcome, clients, rounds);
  const { epsilon } = eventEpsilon({ kind: 'repeated', of: event, count: rounds }, privacy.delta);
  assert.deepEqual([statement.noiseAt, statement.epsilon], ['shared', epsilon]);
  assert.match(statement.adversary, /members of a group/);
});

test('a member that drops out before its input costs its update, and nobody’s privacy', async () => {
  const gone = { party: 'site-3', step: 'group-shares-sent', count: 1 } as const;
  const outcome = await run({ rounds: 1, faults: [{ do: 'crash', at: gone, ms: 3_600_000 }] });
  assert.deepEqual(
    outcome.status.reports.map(({ groups }) => [...(groups?.[0].survivors ?? [])].sort()),
    [clientNames(clients).filter(name => name !== 'site-3')],
  );
  checkModel(outcome, clients - 1, 1);
});

test('where too few stay nothing is opened: the round is void, whoever drew noise has paid, and the next one has noise of its own', async () => {
  const faults = [1, 2, 3].map(
    (i): Fault => ({ do: 'crash', at: { party: `site-${i}`, step: 'group-input-sent', count: 1 }, ms: 60_000 }),
  );
  const outcome = await run({ rounds: 2, faults });
  const [first, ...later] = outcome.status.reports;
  assert.deepEqual([first.combined, first.groups?.[0].outcome], [[], 'void']);
  assert.ok(later.length > 0 && later.every(({ groups }) => groups?.[0].survivors.length === clients));
  for (const name of clientNames(clients)) assert.ok(paidRounds(outcome, name).includes(1), name);
  // The coordinator has seen no sum of the void round.
  assert.equal(paidRounds(outcome, coordinatorParty).includes(1), false);
});

test('a run ends where its budget does: no member draws noise for a round beyond it', async () => {
  const epsilon = budgetFor({ ...settings, rounds: 4 }, 2);
  const outcome = await run({ rounds: 4, privacy: { ...privacy, budget: { epsilon } } });
  assert.equal(outcome.status.reports.length, 2);
  for (const party of [coordinatorParty, ...clientNames(clients)]) assert.deepEqual(paidRounds(outcome, party), [1, 2]);
  checkModel(outcome, clients, 2);
  const { statement } = outcome;
  assert.ok(statement.epsilon !== null && statement.epsilon <= epsilon);
  assert.deepEqual([statement.rounds.released, statement.rounds.end], [2, 'budget']);
});

for (const [kind, sent] of [
  // Of 13 parameters half, and of three hidden units two.
  ['random-mask', 7],
  ['federated-dropout', 9],
] as const) {
  test(`${kind}: the noise of a group is on what is sent, and what is not sent stays as it was`, async () => {
    const protection = { kind: 'group', size: 8, honest: 3, stepSeconds: 5, compression: { kind, keep: 0.5 } };
    const { task, moved, status } = await run({ rounds: 1, protection });
    assert.equal(status.reports[0].groups?.[0].survivors.length, clients);
    assert.equal(planOfTask(task)?.dimension, sent);
    const values = moved.filter(value => value !== 0);
    assert.equal(values.length, sent);
    if (kind === 'federated-dropout') return;
    // Every client moves every value by the same step, clipped to a norm of 1 over those that are sent.
    const scale = moved.length / sent;
    const deviation = scale * (noiseMultiplier / clients) * Math.sqrt(clients / 3);
    const noise = values.map(value => Math.abs(value - scale / Math.sqrt(sent)) / deviation);
    assert.ok(
      noise.every(value => value < 5),
      `${noise}`,
    );
  });
}
