/** The optimiser steps of a private round (Abadi et al. 2016): Poisson batches, every gradient clipped, noise on every sum. */
import { withRandomWords } from '../privacy/random-words.ts';
import type { StepPlace, Steps } from './local-steps.ts';
import { drawBatch } from './private-batches.ts';
import { planRelease, sumScale } from './private-sum.ts';
import type { CheckedPrivacy } from './private-training.ts';

/**
 * The optimiser's own arithmetic, momentum and FedProx included, only sees what `finish` leaves: it is post-processing.
 * A batch beyond `plan.mostRows` is summed whole: it is as likely as the plan's slip allows, and only what rounding adds is larger then.
 */
export function privateSteps(
  privacy: CheckedPrivacy,
  {
    round,
    noiseMultiplier = privacy.noiseMultiplier?.(round),
  }: { readonly round: number; readonly noiseMultiplier: number | undefined },
  rows: number,
  place: StepPlace & { readonly scratch: number },
): Steps {
  const { settings, randomBytes, plan, onStep } = privacy;
  const { kernels } = place;
  if (noiseMultiplier === undefined) throw new TypeError('trainer: a private round needs its noise multiplier');
  const scale = sumScale(plan, noiseMultiplier);
  const release = planRelease(privacy, scale, place);
  const maskKey = withRandomWords(randomBytes, 2, (words): [number, number] => [words.next(), words.next()]);
  return {
    rule: { clip: { norm: settings.clipNorm, per: 'example' }, maskKey, unitNorm: scale.unitNorm },
    batch: step => ({ rows: drawBatch(rows, plan.samplingRate, randomBytes), step }),
    finish({ rows: batch, step }) {
      release();
      onStep?.({
        round,
        step,
        rows: Uint32Array.from(batch),
        gradient: new Float32Array(kernels.buffer, place.plan.gradient, place.plan.count),
      });
    },
  };
}
