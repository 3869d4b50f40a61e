/** Schedules of the learning rate over the rounds of a task. */
import type { TrainingSettings } from '../protocol/training-settings.ts';

export type Schedule = TrainingSettings['schedule'];

/**
 * What the learning rate of a round is multiplied with. In warm-up round w of W it is w / (W + 1) (Goyal et al. 2017 rise in
 * equal steps as well); the schedule proper begins after them, with 1. From there on the factors are those of PyTorch's
 * StepLR, CosineAnnealingLR, LinearLR (start_factor 1) and ExponentialLR with one epoch a round, and `final` would be
 * reached one round after the last: no round trains at the rate 0 that `final: 0` ends with.
 * Within 4 ulp, more where the power of `step` and `exponential` is high; the same bits in every engine.
 *
 * @param round 1 to rounds. Throws RangeError otherwise.
 * @param rounds of the task, as it declares them: early stopping does not change the schedule.
 */
export function learningRateFactor(schedule: Schedule, round: number, rounds: number): number {
  if (!(Number.isSafeInteger(round) && round >= 1 && round <= rounds)) {
    throw new RangeError(`schedule: round ${round} of ${rounds}`);
  }
  const { warmupRounds } = schedule;
  if (round <= warmupRounds) return round / (warmupRounds + 1);
  const elapsed = round - 1 - warmupRounds;
  const share = elapsed / (rounds - warmupRounds);
  switch (schedule.name) {
    case 'constant':
      return 1;
    case 'step':
      return power(schedule.factor, Math.floor(elapsed / schedule.every));
    case 'exponential':
      return power(schedule.factor, elapsed);
    case 'linear':
      return schedule.final + (1 - schedule.final) * (1 - share);
    case 'cosine':
      return schedule.final + (1 - schedule.final) * raisedCosine(share);
  }
}

/** base^exponent by squaring: Math.pow differs between engines. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let factor = base, left = exponent; left > 0; left = Math.floor(left / 2), factor *= factor) {
    if (left % 2 === 1) result *= factor;
  }
  return result;
}

/** (1 + cos πx) / 2 for 0 ≤ x ≤ 1, from the sine's series on [0, π/4]: Math.cos differs between engines. */
function raisedCosine(x: number): number {
  const isEarly = x <= 0.5;
  const angle = (Math.PI / 2) * (isEarly ? x : 1 - x);
  let sine = 0;
  // Degree 19: the next term is below 1e-22.
  for (let odd = 19; odd > 1; odd -= 2) sine = (1 + sine) * (-(angle * angle) / (odd * (odd - 1)));
  const whole = angle + angle * sine;
  return isEarly ? 1 - whole * whole : whole * whole;
}
