/** L4: the same release with and without a canary, very often; what tells them apart proves a lower bound on ε. */
import { gaussianSigma } from '../privacy/gaussian.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import { auditDelta, fedAvgTask, sgdTask } from './audited-task.ts';
import { canaryExamples } from './canaries.ts';
import { type AuditSetting, type AuditSize, atMost, type Check, written } from './check.ts';
import type { AuditedMechanisms } from './mechanisms.ts';
import { twoWorldsBound } from './two-worlds-bound.ts';

/** Chances that a bound is wrong: of one from training, and of one from updates. */
const alpha = { training: 1e-4, updates: 5e-5 };
const claims = [1, 2, 4, 8];

/** With the noise of a task, if one is audited, beside that of the claims. */
export async function twoWorldsLayer(
  mechanisms: AuditedMechanisms,
  { releases }: AuditSize,
  randomBytes: RandomBytes,
  setting: AuditSetting | null,
  onProgress: (text: string) => void,
): Promise<Check[]> {
  const checks: Check[] = [];
  const noises = claims.map(claim => gaussianSigma(claim, auditDelta));
  const noisesOf = (mechanism: AuditSetting['mechanism']): number[] =>
    setting?.mechanism === mechanism ? [...noises, setting.noiseMultiplier] : noises;
  for (const noiseMultiplier of noisesOf('dp-sgd')) {
    onProgress(`training in two worlds, noise ${written(noiseMultiplier)}`);
    checks.push(await trainingWorlds(mechanisms, noiseMultiplier, releases, randomBytes));
  }
  for (const noiseMultiplier of noisesOf('dp-fedavg')) {
    onProgress(`updates in two worlds, noise ${written(noiseMultiplier)}`);
    checks.push(updateWorlds(mechanisms, noiseMultiplier, releases, randomBytes));
  }
  return checks;
}

/** Canaries of one run. Each is alone on its axis: for it the run is one with it against one without it. */
const axes = 100;

async function trainingWorlds(
  mechanisms: AuditedMechanisms,
  noiseMultiplier: number,
  releases: number,
  randomBytes: RandomBytes,
): Promise<Check> {
  const audited = sgdTask({
    model: { canaries: axes + 1 },
    noiseMultiplier,
    steps: Math.ceil(releases / axes),
    batchSize: 128,
  });
  const world = async (canaries: readonly number[]): Promise<Float64Array> => {
    const scores = new Float64Array(audited.plan.stepsPerRound * axes);
    let at = 0;
    const examples = canaryExamples(axes + 1, canaries, 1);
    const onSum = (sum: Float64Array): void => {
      // Gradients point down their axes.
      for (let axis = 0; axis < axes && at < scores.length; axis++) scores[at++] = -sum[axis];
    };
    await mechanisms.train({ audited, examples, randomBytes, onSum });
    return scores;
  };
  const inside = await world(Array.from({ length: axes }, (_, axis) => axis));
  const bound = twoWorldsBound(inside, await world([]), alpha.training, auditDelta);
  // The event is that of a round of many steps; a canary is looked for in one of them.
  const step = { ...mechanisms.event(audited.plan, noiseMultiplier), count: 1 };
  const claim = mechanisms.pldEpsilon(step, auditDelta).upper;
  return check('training', noiseMultiplier, releases, bound.epsilon, claim);
}

function updateWorlds(
  mechanisms: AuditedMechanisms,
  noiseMultiplier: number,
  releases: number,
  randomBytes: RandomBytes,
): Check {
  const { plan } = fedAvgTask({ noiseMultiplier, clip: 1, dimension: 3, cohort: 2 });
  const grid = mechanisms.grid(plan, noiseMultiplier, 1);
  const [canary] = mechanisms.clip([Float64Array.of(1000)], 1);
  const scores = (value: number): Float64Array =>
    mechanisms.noisySum(new Float64Array(releases).fill(value), grid, randomBytes);
  const bound = twoWorldsBound(scores(canary[0]), scores(0), alpha.updates, auditDelta);
  const claim = mechanisms.pldEpsilon(mechanisms.event(plan, noiseMultiplier), auditDelta).upper;
  return check('clipped and noised', noiseMultiplier, releases, bound.epsilon, claim);
}

function check(what: string, noiseMultiplier: number, releases: number, bound: number, claim: number): Check {
  const tried = `z = ${written(noiseMultiplier)}, ${releases} releases of each world, δ = ${auditDelta}`;
  return atMost('L4', `${what}: two worlds show no more than ε`, tried, bound, claim);
}
