/** The mechanisms that an audit exercises: ours, as clients, coordinator and ledgers call them. */
import { admit } from '../coordinator/admit.ts';
import { Fold } from '../coordinator/fold.ts';
import type { CoordinatorPorts } from '../coordinator/ports.ts';
import { noisyMean } from '../coordinator/private-sum.ts';
import type { Charged, Verified } from '../coordinator/stages.ts';
import type { Received, Run } from '../coordinator/store.ts';
import { bytesToFloats, toHex } from '../core/bytes/floats.ts';
import { taskManifest } from '../core/learning/model.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import { drawBatch } from '../core/learning/private-batches.ts';
import { trainPrivately } from '../core/learning/private-run.ts';
import type { TrainResult } from '../core/learning/trainer.ts';
import { bestKernels } from '../core/math/kernels/best.ts';
import { clipL2 } from '../core/privacy/clip.ts';
import { eventEpsilon } from '../core/privacy/event-rdp.ts';
import { noisySum, roundedToGrid } from '../core/privacy/grid-noise.ts';
import { replay } from '../core/privacy/ledger.ts';
import { keepLedger } from '../core/privacy/ledger-keeper.ts';
import { shareOf } from '../core/privacy/noise-shares.ts';
import { type Plan, roundEvent, sharesOf } from '../core/privacy/plan.ts';
import { pldEpsilon } from '../core/privacy/pld.ts';
import type { RandomBytes } from '../core/privacy/random-words.ts';
import { nextNoise, sumGrid } from '../core/privacy/round-noise.ts';
import { type AuditedTask, fedAvgTask, layerInputs, siteOf } from '../core/privacy-audit/audited-task.ts';
import type {
  AuditDisk,
  AuditedLedger,
  AuditedMechanisms,
  ClientUpdate,
  LocalFigures,
  TrainingRun,
  UpdateRelease,
  UpdateRound,
} from '../core/privacy-audit/mechanisms.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { MemoryBlobs } from '../simulation/memory-blobs.ts';
import { auditedClient, auditedContext, drawingFrom, type Sent } from './audited-client.ts';

export const ourMechanisms: AuditedMechanisms = {
  clip: (parts, clipNorm) => clipL2(parts, clipNorm),
  roundUpdate: roundedToGrid,
  noisySum,
  train,
  updateRound,
  noisyUpdate,
  noiseShares,
  sampleBatch: (plan, rows, randomBytes) => drawBatch(rows, plan.samplingRate, randomBytes),
  grid: sumGrid,
  event: roundEvent,
  rdpEpsilon: (event, delta) => eventEpsilon(event, delta).epsilon,
  pldEpsilon,
  openLedger,
  report,
  sendTwice,
};

async function train({ audited, examples, randomBytes, onSum }: TrainingRun): Promise<Float32Array> {
  const { task, plan } = audited;
  const width = task.data.format === 'images' ? task.data.width : layerInputs;
  return trainPrivately(task, siteOf(examples, width), {
    plan,
    randomBytes,
    onStep: ({ gradient }) => onSum(Float64Array.from(gradient, value => value * plan.batchSize)),
  });
}

/** Every client sends, the coordinator admits, sums and adds noise. */
async function updateRound({ audited, clipNorm, updates, randomBytes }: UpdateRound): Promise<UpdateRelease> {
  const { task, plan } = audited;
  const { privacy } = plan;
  if (privacy.mechanism !== 'dp-fedavg') throw new TypeError('an audit of whole updates needs dp-fedavg');
  const noise = { noiseMultiplier: privacy.noiseMultiplier, clipNorm };
  const context = auditedContext(audited, clipNorm);
  const blobs = new MemoryBlobs();
  const received: Received[] = [];
  let run: Run | null = null;
  for (const [i, update] of updates.entries()) {
    const sent = await auditedClient(context, trainedTo(update), randomBytes).send();
    run ??= runOf(sent, noise);
    received.push(await admitted(sent, `site-${String(i).padStart(4, '0')}`, audited, run, blobs));
  }
  run ??= runOf(null, noise);
  const released = await noisyMean(
    // Of a charged cohort the sum looks at updates and task alone.
    { inspected: { updates: received, task } } as unknown as Charged,
    { plan, noise },
    new Fold(blobs, run, parameterCount(taskManifest(task))),
    // Of all ports it uses the generator alone.
    { primitives: drawingFrom(randomBytes) } as CoordinatorPorts,
  );
  return {
    sum: Float64Array.from(released.vector, value => value * privacy.expectedCohort),
    nextClip: nextNoise(plan, 1, noise, released.shown).clipNorm,
  };
}

async function noisyUpdate({
  audited,
  clipNorm,
  update,
  randomBytes,
}: Omit<UpdateRound, 'updates'> & { readonly update: ClientUpdate }): Promise<Float64Array> {
  const trained = trainedTo(update);
  const { tensor } = await auditedClient(auditedContext(audited, clipNorm), trained, randomBytes).send();
  return Float64Array.from(bytesToFloats(tensor));
}

/** Training that ends with this update. */
function trainedTo({ parts, examples }: ClientUpdate): TrainResult {
  return { parameters: Float32Array.from(parts.flatMap(part => [...part])), examples, steps: 1, loss: 0.1 };
}

/** Of a run, admission and sum look at these fields alone. */
function runOf(sent: Sent | null, noise: { readonly noiseMultiplier: number; readonly clipNorm: number }): Run {
  const model = sent === null ? '' : toHex(sent.update.model);
  return { task: 'audit', round: 1, model, privacy: { noise } } as unknown as Run;
}

async function admitted(
  { envelope, update, tensor }: Sent,
  client: string,
  { task }: AuditedTask,
  run: Run,
  blobs: MemoryBlobs,
): Promise<Received> {
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield tensor;
  }
  const context = { run, task, manifest: taskManifest(task), blobs, primitives: nodePrimitives, step: () => undefined };
  const verified = { client, envelope, update, tensor: whole() } as unknown as Verified;
  return (await admit(verified, context)).received;
}

/** What members send whose updates are zero, in the rotated basis: noise alone. */
function noiseShares(plan: Plan, members: number, count: number, randomBytes: RandomBytes): Float64Array[] {
  const shares = sharesOf(plan, plan.privacy.noiseMultiplier, 1);
  const unused = 32 - shares.bits;
  const rotation = new Uint8Array(32);
  const nothing = new Float32Array(shares.dimension);
  return Array.from({ length: members }, () => {
    const noise = new Float64Array(count);
    for (let at = 0; at < count; at += shares.paddedDimension) {
      const words = shareOf(nothing, shares, rotation, bestKernels(), randomBytes).subarray(0, count - at);
      noise.set(
        Float64Array.from(words, k => ((k << unused) >> unused) * shares.step),
        at,
      );
    }
    return noise;
  });
}

function openLedger(disk: AuditDisk): AuditedLedger {
  const ledger = replay(disk.entries, { sha256: nodePrimitives.sha256, build: 'audit' });
  return { ...keepLedger(ledger, disk), spent: () => ledger.lines.find(({ task }) => task !== null)?.spent ?? 0 };
}

async function report(
  audited: AuditedTask,
  { examples, steps, loss }: LocalFigures,
): Promise<Readonly<Record<string, unknown>>> {
  const { plan, task } = audited;
  // A trainer of DP-SGD tells no loss: the client refuses one that does.
  const told = plan.privacy.mechanism === 'dp-sgd' ? null : loss;
  const parameters = new Float32Array(parameterCount(taskManifest(task)));
  const trained = { parameters, examples, steps, loss: told };
  const sent = await auditedClient(auditedContext(audited, 1), trained, secretBytes).send();
  const { tensor: _tensor, model: _model, ...rest } = sent.update;
  return rest;
}

async function sendTwice(): Promise<readonly [Uint8Array, Uint8Array]> {
  const audited = fedAvgTask({ noiseMultiplier: 1, clip: 1, noiseAt: 'client', dimension: 100 });
  const trained = { parameters: new Float32Array(100).fill(0.1), examples: 1, steps: 1, loss: 0.1 };
  const client = auditedClient(auditedContext(audited, 1), trained, secretBytes);
  const first = await client.send();
  const again = await client.send();
  return [first.tensor, again.tensor];
}

/** The generator of the platform. */
export function secretBytes(bytes: Uint8Array<ArrayBuffer>): void {
  crypto.getRandomValues(bytes);
}
