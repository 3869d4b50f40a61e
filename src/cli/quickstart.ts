/** parley quickstart: a whole federation on this machine, from certificates to a model, in separate processes. */
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { RunStatus } from '../coordinator/status.ts';
import type { Run } from '../coordinator/store.ts';
import { type ClassQuality, type Quality, quality } from '../core/learning/quality.ts';
import { UserError } from '../core/protocol/problem.ts';
import { dataCacheFolder } from '../node/data/cache-folder.ts';
import { findHeart, type HeartData } from '../node/data/find-heart.ts';
import { follow } from './follow.ts';
import { untilStopped } from './lifetime.ts';
import { withOperator } from './operator.ts';
import { createProgress, faint, type Progress, printJson, printLine, strong } from './output.ts';
import { commandPrefix, packageRoot } from './package-root.ts';
import { type Federation, freshHome, startFederation } from './quickstart-federation.ts';
import { trainPooled } from './quickstart-pooled.ts';
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
      'create a federation of four clinics on this machine, train, and compare: certificates, six processes, a model',
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
    const { status, artifact } = await train(federation, progress, signal);
    const pooled = quality(await trainPooled(readTaskFile(taskFile), data.sites), status.unit);
    const seconds = (performance.now() - started) / 1000;
    progress.end();
    if (options.json) printJson(document(data, status, pooled, artifact, seconds));
    else printResult(data, status, pooled, artifact, seconds, home);
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
  federation: Federation,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ status: RunStatus; artifact: string }> {
  const task = readTaskFile(taskFile);
  return withOperator(federation.home, async channel => {
    const submitted = await channel.post<Run>('/v1/runs', {
      ...task,
      cohort: { ...task.cohort, minimum: federation.clients },
    });
    progress.line(`training: ${submitted.rounds} rounds of federated averaging, ${submitted.parameters} parameters`);
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
  artifact: string,
  seconds: number,
): unknown {
  return {
    dataSource: { kind: data.source, label: data.label },
    rounds: status.rounds,
    seconds: Math.round(seconds * 100) / 100,
    ...heartQuality(status, pooledTraining),
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

function classQuality(quality: Quality | null): ClassQuality | null {
  return quality?.kind === 'classes' ? quality : null;
}

function printResult(
  data: HeartData,
  status: RunStatus,
  pooled: Quality,
  artifact: string,
  seconds: number,
  home: string,
): void {
  printLine();
  printLine(
    strong(`${status.rounds} rounds in ${seconds.toFixed(1)} s, ${status.clients.length} clients, data: ${data.label}`),
  );
  printLine();
  printLine(resultTable(status, pooled));
  printLine();
  printLine(
    faint(
      'majority class: guess the most frequent label · alone: the same model trained on that clinic only (accuracy)',
    ),
  );
  printLine();
  printLine(`model        ${artifact}`);
  printLine(`task         ${taskFile}`);
  printLine(`federation   ${home}  (certificates, state and logs of all processes)`);
  printLine(`predict      ${commandPrefix} predict --model ${artifact} --data FILE.csv`);
  if (data.hint !== undefined) printLine(`real data    ${data.hint}`);
}
