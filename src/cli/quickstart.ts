/** parley quickstart: a whole federation on this machine, from certificates to a model, in separate processes. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { RunStatus } from '../coordinator/status.ts';
import type { Run } from '../coordinator/store.ts';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import type { ClassQuality, Quality } from '../core/learning/quality.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { dataCacheFolder } from '../node/data/cache-folder.ts';
import { findHeart, type HeartData } from '../node/data/find-heart.ts';
import { follow } from './follow.ts';
import { untilStopped } from './lifetime.ts';
import { withOperator } from './operator.ts';
import { createProgress, faint, type Progress, printJson, printLine, strong } from './output.ts';
import { commandPrefix, packageRoot } from './package-root.ts';
import { loadClinics, pooledQuality, qualityAtClinics } from './quickstart-clinics.ts';
import { allPresent, type Federation, freshHome, startFederation } from './quickstart-federation.ts';
import { type ProtectionShown, showProtection } from './quickstart-protection.ts';
import { printProtection } from './quickstart-protection-print.ts';
import { resultTable } from './result.ts';
import { saveArtifact } from './save-artifact.ts';
import { readTaskFile } from './task-file.ts';

interface Options {
  data?: string;
  home: string;
  json?: boolean;
}

/** The task that the quickstart trains: an example to copy. */
const taskFile = join(packageRoot, 'examples', 'heart.task.yaml');

export function quickstartCommand(): Command {
  return new Command('quickstart')
    .description(
      'create a federation of four clinics on this machine, train, and compare: certificates, six processes, a model.\n' +
        'Then show what the coordinator saw of one clinic, and what it costs when one drops out.',
    )
    .option(
      '--data <dir>',
      'folder with one heart disease table per clinic (default: $PARLEY_DATA_DIR/heart, the cache, or generated)',
    )
    .option('--home <dir>', 'where everything is kept; made anew on each run', './.parley/quickstart')
    .option('--json', 'print the result as one JSON document')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const started = performance.now();
  const signal = untilStopped();
  const progress = createProgress();
  const data = await findHeart({ data: options.data, env: process.env, cacheDir: dataCacheFolder(process.env) });
  const home = resolve(options.home);
  const lock = freshHome(home);
  let federation: Federation | null = null;
  try {
    progress.line(`data: ${data.label}`);
    if (data.hint !== undefined) progress.line(`      ${data.hint}`);
    federation = await startFederation(home, data.sites, progress, signal);
    const task = readTaskFile(taskFile);
    const { status: told, artifact } = await train(task, federation, progress, signal);
    const trainedSeconds = (performance.now() - started) / 1000;
    const clinics = await loadClinics(task, data.sites);
    const { parameters } = decodeSafetensors(readFileSync(artifact));
    const status = { ...told, clients: await qualityAtClinics(task, clinics, parameters) };
    const pooled = await pooledQuality(task, clinics);
    progress.status(
      'looking at what the coordinator saw',
      'repeating the run in one process, to look at what the coordinator saw',
    );
    const models = status.reports.map(({ model }) => model);
    const protection = await showProtection(task, clinics, models, parameters);
    progress.end();
    const seconds = (performance.now() - started) / 1000;
    if (options.json) printJson(document(data, status, pooled, protection, artifact, seconds));
    else printResult(data, status, pooled, artifact, { trainedSeconds, home, protection });
  } catch (error) {
    progress.end();
    if (signal.aborted) process.exitCode = 130;
    else throw error;
  } finally {
    await federation?.close();
    lock.release();
  }
  // Nothing of ours is left; a stray handle must not keep the prompt away.
  process.exit();
}

async function train(
  task: Task,
  federation: Federation,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ status: RunStatus; artifact: string }> {
  return withOperator(federation.home, async channel => {
    await Promise.race([allPresent(federation, channel, signal), federation.failed]);
    const submitted = await channel.post<Run>('/v1/runs', task);
    progress.line(`training: ${submitted.rounds} rounds of federated averaging, ${submitted.parameters} parameters`);
    progress.line(
      'protection: group: the coordinator sees sums of three clinics or more, no single update; every client insists on that (--honest 3)',
    );
    const status = await Promise.race([follow(channel, submitted.task, progress, signal), federation.failed]);
    const artifact = await saveArtifact(channel, status, join(federation.home, 'model.safetensors'));
    if (artifact === null)
      throw new UserError('quickstart', 'the run ended without a model', `See the logs in ${federation.home}.`);
    return { status, artifact };
  });
}

function document(
  data: HeartData,
  status: RunStatus,
  pooledTraining: Quality,
  protection: ProtectionShown,
  artifact: string,
  seconds: number,
): unknown {
  return {
    dataSource: { kind: data.source, label: data.label },
    rounds: status.rounds,
    seconds: Math.round(seconds * 100) / 100,
    ...heartQuality(status, pooledTraining),
    protection: { kind: 'group', ...protection },
    artifact,
  };
}

/** The heart task tells sick from well. */
function heartQuality({ clients, pooled }: RunStatus, pooledTraining: Quality): object {
  const ofClasses = clients.filter(c => c.kind === 'classes');
  const trained = classQuality(pooledTraining);
  return {
    clients: ofClasses.map(c => ({
      name: c.client,
      examples: c.examples,
      accuracy: c.accuracy,
      auc: c.auc,
      logLoss: c.logLoss,
      baselines: {
        majority: c.majority,
        alone: classQuality(c.alone)?.accuracy ?? null,
        aloneAuc: classQuality(c.alone)?.auc ?? null,
      },
    })),
    meanAccuracy: ofClasses.reduce((sum, c) => sum + c.accuracy, 0) / ofClasses.length,
    pooled:
      pooled?.kind !== 'classes'
        ? null
        : {
            examples: pooled.examples,
            accuracy: pooled.accuracy,
            auc: pooled.auc,
            logLoss: pooled.logLoss,
            baselines: {
              majority: pooled.majority,
              pooledTraining: trained?.accuracy ?? null,
              pooledTrainingAuc: trained?.auc ?? null,
            },
          },
  };
}

/** What the printed result names beside quality. */
interface Shown {
  /** From the beginning to the end of training. */
  readonly trainedSeconds: number;
  readonly home: string;
  readonly protection: ProtectionShown;
}

function classQuality(quality: Quality | null): ClassQuality | null {
  return quality?.kind === 'classes' ? quality : null;
}

function printResult(
  data: HeartData,
  status: RunStatus,
  pooled: Quality,
  artifact: string,
  { trainedSeconds, home, protection }: Shown,
): void {
  printLine();
  printLine(
    strong(
      `${status.rounds} rounds in ${trainedSeconds.toFixed(1)} s, ${status.clients.length} clients, data: ${data.label}`,
    ),
  );
  printLine();
  printLine(resultTable(status, pooled));
  printLine();
  printLine(
    faint(
      'majority class: guess the most frequent label · alone: the same model trained on that clinic only (accuracy)',
    ),
  );
  printLine(
    faint(
      'all test rows: all that the coordinator learns of quality, from sums · lines of single clinics: computed here, where all data lie',
    ),
  );
  printLine();
  printProtection(protection);
  printLine();
  printLine(`model        ${artifact}`);
  printLine(`task         ${taskFile}`);
  printLine(`federation   ${home}  (certificates, state and logs of all processes)`);
  printLine(`predict      ${commandPrefix} predict --model ${artifact} --data FILE.csv`);
  if (data.hint !== undefined) printLine(`real data    ${data.hint}`);
}
