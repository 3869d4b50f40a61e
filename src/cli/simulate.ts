/** parley simulate: a whole run in one process, on a virtual clock, with the faults one asks for. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { artifactKey } from '../coordinator/round.ts';
import type { RunStatus } from '../coordinator/status.ts';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import type { SiteData } from '../core/data/dataset.ts';
import type { GradientWorkers } from '../core/learning/gradient-workers.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import { type Quality, quality } from '../core/learning/quality.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { pause } from '../core/protocol/ports.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { groupSettings } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { writeDurable } from '../node/durable-file.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { privateTraining } from '../node/private-training.ts';
import type { AttackChoice } from '../simulation/attack-choice.ts';
import type { VirtualClock } from '../simulation/clock.ts';
import { type Fault, parseFaults } from '../simulation/faults.ts';
import { pooledBaseline } from '../simulation/pooled-baseline.ts';
import { streamOf } from '../simulation/stream.ts';
import { World } from '../simulation/world.ts';
import { attackForms, parseAttack } from './attack-option.ts';
import { budgetRemedy, budgetSpentText } from './follow.ts';
import { createProgress, type Progress, printJson } from './output.ts';
import { type PartitionChoice, parsePartition, partitionForms } from './partition-option.ts';
import { type SimulatedData, simulatedData } from './simulate-data.ts';
import { printSimulated, simulatedDocument } from './simulate-result.ts';
import { mountAttack, type PlannedAttack, planAttack } from './simulated-attack.ts';
import { checkClients } from './simulated-clients.ts';
import { watchDeclines } from './simulated-declines.ts';
import { withExactQuality, withoutPrivacy } from './simulated-quality.ts';
import { type SimulatedTrainers, simulatedTrainers } from './simulated-trainers.ts';
import { groupSimulationPorts, simulationPorts } from './simulation-ports.ts';
import { readTaskFile } from './task-file.ts';
import { type OpenThreads, type ThreadsOption, trainingThreads, withThreads } from './threads-option.ts';
import { type TrainerLimitOptions, withTrainerLimits } from './trainer-options.ts';

interface Options extends TrainerLimitOptions, ThreadsOption {
  clients?: number;
  partition?: PartitionChoice;
  seed: number;
  data?: string;
  generated?: boolean;
  faults?: string;
  drop: number;
  attack?: AttackChoice;
  trainer: readonly string[];
  /** False after --no-pooled. */
  pooled: boolean;
  output?: string;
  json?: boolean;
}

/** The operator submits when the clients have come, so that the first round can ask all of them. */
const submitAtMs = 1000;
const dayMs = 86_400_000;

export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description(
      'Runs coordinator and clients, the same code as in production, in one process: time, network and disks are simulated.\n' +
        'The same seed gives the same run, byte for byte, but for the noise of a private task.',
    )
    .argument('<task>', 'task file (YAML)')
    .option(
      '--clients <n>',
      'number of clients (default: one per site or group of rows; 4 with generated tables)',
      wholeNumber(1, 10_000),
    )
    .option(
      '--seed <n>',
      'seeds latencies, losses, partitions and generated tables; training has the seed of the task',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
      0,
    )
    .option('--data <path>', 'folder with the data of each site (docs/data.md), dealt to the clients')
    .option('--partition <how>', `who gets which rows: ${partitionForms} (default: natural)`, parsePartition)
    .option('--generated', 'invent the tables, whatever data there are')
    .option('--faults <file>', 'list of operations (JSON): drop, delay, replay, corrupt, crash, full, jump')
    .option('--drop <p>', 'lose each message with this probability', probability, 0)
    .option(
      '--attack <name:fraction>',
      `let this share of the clients attack (docs/attacks.md): ${attackForms}`,
      parseAttack,
    )
    .option(
      '--trainer <name=command>',
      'let a program train for the client of this name (docs/trainer.md); may be given for several',
      (text: string, others: readonly string[]) => [...others, text],
      [],
    )
    .option('--no-pooled', 'leave out the comparison with training on the rows of all clients in one place')
    .option('--output <file>', 'save the model of the run (safetensors), for parley predict')
    .option('--json', 'print one JSON document');
  return withThreads(withTrainerLimits(command)).action(simulate);
}

async function simulate(file: string, options: Options): Promise<void> {
  if (options.data !== undefined && options.generated) {
    throw new UserError('simulate', '--data and --generated exclude each other', 'Use one of them.');
  }
  const started = performance.now();
  const task = readTaskFile(file);
  const faults = options.faults === undefined ? [] : readFaults(options.faults);
  const progress = createProgress();
  try {
    const data = await simulatedData(task, {
      folder: options.data,
      generated: options.generated === true,
      partition: options.partition ?? { kind: 'natural' },
      clients: options.clients,
      seed: options.seed,
    });
    checkClients(
      task,
      data.sites.map(site => site.name),
    );
    progress.line(`data: ${data.label}`);
    await using threads = await trainingThreads(options.threads);
    await using foreign = simulatedTrainers(options.trainer, data, options, line => progress.line(line));
    const { seed } = options;
    const attack =
      options.attack === undefined ? null : planAttack(options.attack, task, data, { seed, foreign: foreign.names });
    const { status, virtualMs, factors } = await Promise.race([
      run(task, data, faults, options, progress, { foreign, workers: threads.workers, attack }),
      foreign.failed,
    ]);
    const attacked = attack === null ? null : { attack, factors };
    const isEmpty = status.privacy?.budgetSpentAfter === 0;
    const pooled =
      options.pooled && !isEmpty ? await trainPooled(withoutPrivacy(task), data, status, threads, progress) : null;
    progress.end();
    if (isEmpty) {
      process.exitCode = 1;
      progress.line(`parley: ${task.name}: ${budgetSpentText(status)}\n→ ${budgetRemedy}`);
    }
    const seconds = (performance.now() - started) / 1000;
    const result = { task, data, status, virtualMs, pooled, seconds, attacked };
    if (options.json) printJson(simulatedDocument({ ...result, faults, options }));
    else printSimulated(result);
  } finally {
    progress.end();
  }
}

/** Null when it diverged: what the federation reached is told all the same. */
async function trainPooled(
  task: Task,
  { sites }: SimulatedData,
  { round: rounds, unit }: RunStatus,
  { workers }: OpenThreads,
  progress: Progress,
): Promise<Quality | null> {
  const news = 'pooled baseline: training on the rows of all clients in one place (--no-pooled leaves it out)';
  const onRound = (round: number) => progress.status(`pooled baseline: round ${round} of ${rounds}`, news);
  const all = sites.map(site => site.data);
  try {
    return quality(await pooledBaseline(task, all, nodePrimitives, { rounds, workers, onRound }), unit);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'non-finite') throw error;
    progress.line(
      'pooled baseline: training diverged, so there is none; try a smaller training.optimizer.learningRate',
    );
    return null;
  }
}

/** Whoever trains for a client: a program of the user's, our own engine, or an adversary. */
interface Engines {
  readonly foreign: SimulatedTrainers;
  readonly workers: GradientWorkers | undefined;
  readonly attack: PlannedAttack | null;
}

async function run(
  task: Task,
  data: SimulatedData,
  faults: readonly Fault[],
  options: Options,
  progress: Progress,
  { foreign, workers, attack }: Engines,
) {
  const declines = watchDeclines();
  let obstacle: string | null = null;
  const open = (name: string, site: SiteData): Trainer =>
    foreign.open(name, task, site, work => world.clock.outside(work)) ?? ownTrainer(task, site, workers, world.clock);
  const opponent = attack === null ? null : mountAttack(attack, task, data, options.seed, open, () => world);
  const world: World = new World({
    ports: groupSettings(task.protection) === null ? simulationPorts : await groupSimulationPorts(),
    seed: options.seed,
    faults,
    dropShare: options.drop,
    clients: data.sites.map(({ name, data: site }) => ({
      name,
      async trainerFor(_task, clock) {
        const trainer = opponent?.trainerOf(name) ?? open(name, site);
        return {
          ...trainer,
          async train(request) {
            // Between half a second and one and a half: clients answer in another order each round.
            await pause(
              clock,
              500 + streamOf(options.seed, `training/${name}/${request.round}`).below(1000),
              request.signal,
            );
            return trainer.train(request);
          },
        };
      },
    })),
    onLog(party, logged) {
      opponent?.note(party, logged);
      const { event, round, detail, code, client } = logged;
      const reason = declines.note(party, logged);
      if (reason !== null) progress.line(reason);
      if (event === 'alone-round')
        progress.status(
          `alone baseline: round ${round} ${detail} (${party})`,
          'alone baseline: each client trains by itself, for comparison (evaluation.aloneBaseline)',
        );
      if (event === 'alone-diverged') progress.line(`${party}: training alone diverged, so there is no such baseline`);
      if (event === 'round-closed') progress.status(`round ${round} of ${task.rounds}: ${detail}`);
      if (event === 'round-void') progress.line(`round ${round}: void, the model stays as it was: ${detail}`);
      if (event === 'dropped-out') progress.line(`round ${round}: ${client} dropped out`);
      if (event === 'round-extended') {
        // What the coordinator logs follows "waits", or says where the round is.
        obstacle = `round ${round} ${detail?.startsWith('below') ? 'is' : 'waits'} ${detail}`;
        progress.line(`${obstacle}; clients are asked again`);
      }
      if (event === 'refused' && party === 'coordinator')
        progress.line(
          code === 'declined'
            ? `round ${round}: ${client} declined: ${detail?.split(' → ')[0]}`
            : `round ${round}: ${client} was refused (${code})`,
        );
    },
  });
  checkParties(world, faults);
  world.clock.after(submitAtMs, () => world.submit(task));
  const limitMs = (task.rounds + 1) * task.cohort.deadlineSeconds * 1000 * 20 + dayMs;
  const ended = await world.run(limitMs, () => declines.inVain !== null);
  if (world.defects.length > 0) throw world.defects[0];
  if (!ended && declines.inVain !== null) throw declines.inVain;
  if (!ended) {
    const days = (limitMs / dayMs).toFixed(1);
    throw new UserError(
      'simulate',
      `the run had not ended after ${days} days of virtual time${obstacle === null ? '' : `: ${obstacle}`}`,
      faults.length > 0 || options.drop > 0
        ? 'Use fewer faults, or a smaller --drop.'
        : 'Change the task: parley rules advise says which rules hold.',
    );
  }
  const told = await world.status();
  const status = task.privacy === 'none' ? told : await exactly(world, task, data, told);
  if (options.output !== undefined && status.privacy?.budgetSpentAfter !== 0) {
    await saveModel(world, status.task, options.output);
    progress.line(`model saved: ${resolve(options.output)}`);
  }
  return { status, virtualMs: world.clock.elapsed(), factors: opponent?.factors ?? [] };
}

/** Nothing but the model tells of a private run's quality; a run that its budget allowed no round has none. */
async function exactly(world: World, task: Task, data: SimulatedData, status: RunStatus): Promise<RunStatus> {
  const bytes = await world.coordinatorDisk.blobs.read(artifactKey(status.task));
  return bytes === null ? status : withExactQuality(task, data, status, decodeSafetensors(bytes).parameters);
}

async function saveModel(world: World, task: string, path: string): Promise<void> {
  const bytes = await world.coordinatorDisk.blobs.read(artifactKey(task));
  if (bytes === null) throw new UserError('simulate', 'the run ended without a model', 'Leave out --output.');
  try {
    writeDurable(resolve(path), bytes, 0o644);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new UserError(path, `cannot be written (${why})`, 'Name another file with --output.', { cause });
  }
}

/** Threads take real time: virtual time and everyone else wait for them, so that the run is the same for any number. */
function ownTrainer(
  task: Task,
  site: SiteData,
  workers: GradientWorkers | undefined,
  clock: Pick<VirtualClock, 'halting'>,
): Trainer {
  const trainer = createTrainer(task, site, { workers, privacy: privateTraining(task) });
  return workers === undefined ? trainer : { ...trainer, train: request => clock.halting(trainer.train(request)) };
}

/** An operation on a party that does not exist would never happen, and the run look sound. */
function checkParties(world: World, faults: readonly Fault[]): void {
  const stranger = faults.find(fault => !world.parties.includes(fault.at.party));
  if (stranger === undefined) return;
  throw new UserError(
    '--faults',
    `there is no party "${stranger.at.party}"`,
    `The parties are ${world.parties.join(', ')}.`,
  );
}

function readFaults(path: string): readonly Fault[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(
      path,
      `cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      'Check the path after --faults.',
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(path, 'is not JSON', 'Write a list of operations.', { cause });
  }
  return parseFaults(value, path);
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
  };
}

function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('expected a number from 0 to below 1');
}
