/** L5: one run with many canaries, each in it or not by the toss of a coin; what the whole of it shows about them. */
import type { RandomBytes } from '../privacy/random-words.ts';
import { sampledRatio } from '../privacy/sampled-loss.ts';
import { auditDelta, sgdTask } from './audited-task.ts';
import { canaryExamples } from './canaries.ts';
import { type AuditSetting, type AuditSize, atMost, type Check } from './check.ts';
import type { AuditedMechanisms } from './mechanisms.ts';
import { twoWorldsBound } from './two-worlds-bound.ts';

const alpha = 1e-4;
const ourSetting: AuditSetting = { mechanism: 'dp-sgd', samplingRate: 0.1, noiseMultiplier: 1, steps: 100 };

/**
 * Canaries lie on axes of their own, so each is an experiment that the others do not disturb (Steinke, Nasr and Jagielski 2023). The bound
 * is one for Gaussian noise; of Poisson batches, whose losses have longer tails, it shows less than there is.
 */
export async function oneRunLayer(
  mechanisms: AuditedMechanisms,
  { canaries, mostSteps }: AuditSize,
  randomBytes: RandomBytes,
  setting: AuditSetting | null,
): Promise<Check[]> {
  const { samplingRate, noiseMultiplier, steps: planned } = setting?.mechanism === 'dp-sgd' ? setting : ourSetting;
  const steps = Math.min(planned, mostSteps);
  // A power of two that holds every batch there may be on average.
  const batchSize = 2 ** Math.ceil(Math.log2(Math.max(256, samplingRate * (canaries + 1))));
  const audited = sgdTask({ model: { canaries: canaries + 1 }, noiseMultiplier, samplingRate, steps, batchSize });
  const coins = new Uint8Array(canaries);
  randomBytes(coins);
  const isIn = (canary: number): boolean => (coins[canary] & 1) === 1;
  const members = Array.from(coins, (_, canary) => canary).filter(isIn);
  const scores = new Float64Array(canaries);
  const ratioOf = logLikelihoodRatio(samplingRate, noiseMultiplier);
  const onSum = (sum: Float64Array): void => {
    // Gradients point down their axes.
    for (let i = 0; i < canaries; i++) scores[i] += ratioOf(-sum[i]);
  };
  await mechanisms.train({ audited, examples: canaryExamples(canaries + 1, members, 1), randomBytes, onSum });
  const inside = scores.filter((_, canary) => isIn(canary));
  const outside = scores.filter((_, canary) => !isIn(canary));
  const { epsilon } = twoWorldsBound(inside, outside, alpha, auditDelta);
  const claim = mechanisms.pldEpsilon(mechanisms.event(audited.plan, noiseMultiplier), auditDelta).upper;
  const tried = `${canaries} canaries, q = ${samplingRate}, z = ${noiseMultiplier}, ${steps} steps, δ = ${auditDelta}`;
  return [atMost('L5', 'one run shows no more than its ε', tried, epsilon, claim)];
}

/** ln of how much likelier y is when the canary is there: in the batch with probability q, then moved by 1. */
function logLikelihoodRatio(samplingRate: number, noiseMultiplier: number): (y: number) => number {
  return y => sampledRatio(samplingRate, (2 * y - 1) / (2 * noiseMultiplier ** 2));
}
