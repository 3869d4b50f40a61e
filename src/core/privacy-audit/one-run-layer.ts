/** L5: one run with many canaries, each in it or not by the toss of a coin; what the whole of it shows about them. */
import type { RandomBytes } from '../privacy/random-words.ts';
import { auditDelta, sgdTask } from './audited-task.ts';
import { canaryExamples } from './canaries.ts';
import { type AuditSize, atMost, type Check } from './check.ts';
import type { AuditedMechanisms } from './mechanisms.ts';
import { twoWorldsBound } from './two-worlds-bound.ts';

const alpha = 1e-4;
const [samplingRate, noiseMultiplier, steps] = [0.1, 1, 100];

/** Canaries lie on axes of their own, so each is an experiment that the others do not disturb (Steinke, Nasr and Jagielski 2023). */
export async function oneRunLayer(
  mechanisms: AuditedMechanisms,
  { canaries }: AuditSize,
  randomBytes: RandomBytes,
): Promise<Check[]> {
  const audited = sgdTask({ model: { canaries: canaries + 1 }, noiseMultiplier, samplingRate, steps, batchSize: 256 });
  const coins = randomBytes;
  const bytes = new Uint8Array(canaries);
  coins(bytes);
  const members = Array.from(bytes, (_, i) => i).filter(i => (bytes[i] & 1) === 1);
  const scores = new Float64Array(canaries);
  const onSum = (sum: Float64Array): void => {
    for (let i = 0; i < canaries; i++) scores[i] += logLikelihoodRatio(-sum[i]);
  };
  const examples = canaryExamples(canaries + 1, members, 1);
  await mechanisms.train({ audited, examples, randomBytes, onSum });
  const isMember = new Set(members);
  const inside = scores.filter((_, i) => isMember.has(i));
  const outside = scores.filter((_, i) => !isMember.has(i));
  const { epsilon } = twoWorldsBound(inside, outside, alpha, auditDelta);
  const claim = mechanisms.pldEpsilon(mechanisms.event(audited.plan, noiseMultiplier), auditDelta).upper;
  const tried = `${canaries} canaries, q = ${samplingRate}, z = ${noiseMultiplier}, ${steps} steps, δ = ${auditDelta}`;
  return [atMost('L5', 'one run shows no more than its ε', tried, epsilon, claim)];
}

/** ln of how much likelier y is when the canary is there: in the batch with probability q, then moved by 1. */
function logLikelihoodRatio(y: number): number {
  const ratio = (2 * y - 1) / (2 * noiseMultiplier ** 2);
  return Math.log1p(samplingRate * Math.expm1(Math.min(ratio, 700)));
}
