/** A small federation under protection group, and what must hold of it whatever befalls it: an exact sum of who is in it, or none. */
import assert from 'node:assert/strict';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import type { RunStatus } from '../../src/coordinator/status.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import type { Fault } from '../../src/simulation/faults.ts';
import { syntheticExamples, syntheticStep, syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { World, type WorldSettings } from '../../src/simulation/world.ts';
import { clientNames, smallTask } from './federation.ts';

export const ports = await groupSimulationPorts();

export interface GroupSettings {
  readonly clients: number;
  readonly minimum?: number;
  readonly rounds?: number;
  readonly seed?: number;
  readonly faults?: readonly Fault[];
  /** Settings of protection group beside its kind; `inspect`: the coordinator sees single updates. */
  readonly protection?: object | 'inspect';
  readonly evaluation?: Partial<Task['evaluation']>;
  /** Settings of the rule; by default the mean, by examples. */
  readonly aggregation?: object;
  /** Who trains into the corner of its clip bound. */
  readonly lies?: (client: string) => boolean;
  readonly trainingMs?: (client: string, round: number) => number;
  readonly onLog?: WorldSettings['onLog'];
}

export interface GroupOutcome {
  readonly task: Task;
  /** Null: the run was stuck. */
  readonly status: RunStatus | null;
  /** Global parameters by round, as trainers were given them; the last is the final model, as it was published. */
  readonly given: ReadonlyMap<number, Float32Array>;
  readonly world: World;
}

export const deadlineMs = 60_000;
const stepSeconds = 5;
/** Above the examples of some clients, below those of others. */
const weightCap = 60;

export function groupTask({
  clients,
  minimum = clients,
  rounds = 3,
  protection = {},
  evaluation,
  aggregation: rule = { rule: 'mean', weightCap },
}: GroupSettings): Task {
  const aggregation = { ...rule, clipNorm: 10 };
  const base = smallTask({ seed: 1, clients, minimum, faults: [], rounds, aggregation, evaluation });
  if (protection === 'inspect') return base;
  return parseTask({ ...base, protection: { kind: 'group', honest: 3, stepSeconds, redrawRounds: 1, ...protection } });
}

/** Runs the federation to its end, or until no honest run could still be under way. */
export async function runGroups(settings: GroupSettings): Promise<GroupOutcome> {
  const { clients, seed = 1, faults = [], trainingMs = () => 100, lies = () => false, onLog } = settings;
  const task = groupTask(settings);
  const manifest = taskManifest(task);
  const given = new Map<number, Float32Array>();
  const world = new World({
    ports,
    seed,
    faults,
    onLog,
    clients: clientNames(clients).map(name => ({
      name,
      async trainerFor(_task, clock) {
        const trainer = syntheticTrainer(name, manifest, clock, round => trainingMs(name, round));
        return {
          ...trainer,
          async train(request) {
            if (!given.has(request.round)) given.set(request.round, request.parameters.slice());
            const trained = await trainer.train(request);
            return lies(name) ? { ...trained, parameters: trained.parameters.map(value => value + 1000) } : trained;
          },
          evaluate: async parameters => ({ ...(await trainer.evaluate(parameters)), ...scoresOf(task) }),
        };
      },
    })),
  });
  world.clock.after(1000, () => world.submit(task));
  const ended = await world.run(longestRunMs(task, faults));
  if (!ended) return { task, status: null, given, world };
  const status = await world.status();
  if (status.phase === 'finished')
    given.set(status.round + 1, decodeSafetensors(await world.coordinator.artifact(status.task)).parameters);
  return { task, status, given, world };
}

/** Scores of four negatives and six positives, where a task asks for them. */
function scoresOf({ evaluation: { pooledAucBins: bins } }: Task): object {
  if (bins === null) return {};
  const counts = (all: number): number[] => Array.from({ length: bins }, (_, i) => (i < all ? 1 : 0));
  return { scores: { negative: counts(4), positive: counts(6) } };
}

/** As in `federation.ts`, and what each operation can hold up beside that: every step of a session. */
function longestRunMs(task: Task, faults: readonly Fault[]): number {
  const named = faults.reduce((sum, f) => sum + ('ms' in f ? Math.abs(f.ms) : 0) + ('ms' in f.at ? f.at.ms : 0), 0);
  const each = 2 * task.cohort.deadlineSeconds * 1000 + 5 * stepSeconds * 1000 + 70_000;
  return named + (task.rounds + 1 + faults.length) * each;
}

/** What holds of every run, under every list of operations. */
export function checkGroupLaws({ task, status, given, world }: GroupOutcome): void {
  assert.deepEqual(world.defects, [], 'no party meets a defect');
  assert.deepEqual(world.ended, [], 'no honest client is refused for good');
  assert.ok(status !== null, 'the run ends');
  for (const [key, digests] of world.shown) assert.equal(digests.size, 1, `one model is shown for ${key}`);
  assert.deepEqual(
    status.reports.map(({ round }) => round),
    Array.from({ length: task.rounds }, (_, i) => i + 1),
    'every round is over once, in order',
  );
  for (const { round, groups } of status.reports) {
    const [before, after] = [given.get(round), modelAfter(given, round)];
    const survivors = (groups ?? []).flatMap(group => group.survivors);
    assert.equal(new Set(survivors).size, survivors.length, 'nobody is in a sum twice');
    for (const group of groups ?? []) assert.deepEqual(group.blamed, [], 'no honest member is blamed');
    if (before === undefined || after === undefined) continue;
    if (survivors.length === 0) assert.deepEqual(after, before, `round ${round} is void: the model is as it was`);
    else checkMean(before, after, round, survivors, task);
  }
}

/** The model that the next round which anybody trained in began with. */
function modelAfter(given: GroupOutcome['given'], round: number): Float32Array | undefined {
  const next = Math.min(...[...given.keys()].filter(other => other > round));
  return next === round + 1 ? given.get(next) : undefined;
}

/** The model after a round is the weighted mean of what those in its sums trained from the model before. */
function checkMean(
  before: Float32Array,
  after: Float32Array,
  round: number,
  survivors: readonly string[],
  task: Task,
): void {
  assert.ok(survivors.length >= task.cohort.minimum, 'no round is combined below its quorum');
  const weights = survivors.map(client => Math.min(weightCap, syntheticExamples(client)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const trained = survivors.map(client => syntheticStep(client, round, before));
  after.forEach((value, i) => {
    const expected = trained.reduce((sum, parameters, c) => sum + (weights[c] / total) * parameters[i], 0);
    assert.ok(
      Math.abs(value - expected) <= 1e-5,
      `round ${round}, parameter ${i}: ${value}, expected ${expected}, over ${survivors.join()}`,
    );
  });
}
