/** Events → privacy losses. */
import type { Release } from './composed-loss.ts';
import { LossUnavailable } from './composed-loss.ts';
import { randomizedResponseLoss, statedLoss } from './discrete-loss.ts';
import type { FlatEvent } from './event.ts';
import { type Direction, type GaussianMixture, gaussianMixtureLoss, sampledGaussian } from './gaussian-loss.ts';
import { laplaceLoss } from './laplace-loss.ts';
import { truncatedLoss } from './truncated-loss.ts';

/** Either direction of one kind of release; `same` where they do not differ. */
export interface Releases {
  readonly remove: Release;
  readonly add: Release;
  readonly same: boolean;
}

/** What events come to: Gaussian noise without sampling is one Gaussian of μ² = Σ 1/z², everything else is composed by its losses. */
export interface EventLosses {
  readonly gaussianMuSquared: number;
  readonly others: readonly Releases[];
  /** ln of the chance that no release slips: 1 − e^{logKept} is added to δ. */
  readonly logKept: number;
  readonly notPrivate: boolean;
}

/** Over the sensitivity. With less, ε of one step is above 500 000 and its loss takes seconds to spread out. */
const leastNoise = 2 ** -10;

/**
 * Reads flat events. Discrete Gaussian noise is read as continuous noise of the same multiplier plus its slip: for a report only (from 1024
 * grid steps on ε differs by less than 1e-7), not a bound. Throws LossUnavailable for `zcdp`, `sampled-fixed` and `shared`, which have no
 * privacy loss distribution here.
 */
export function lossesOf(events: readonly FlatEvent[]): EventLosses {
  let [gaussianMuSquared, logKept, notPrivate] = [0, 0, false];
  const others: Releases[] = [];
  const add = (mixture: GaussianMixture, count: number): void => {
    const { sigma, sensitivities, probabilities } = mixture;
    if (sensitivities.every((s, j) => s === 0 || probabilities[j] === 0)) return;
    if (sigma === 0) notPrivate = true;
    else if (sensitivities.length > 1 && sigma < leastNoise * Math.max(...sensitivities))
      throw new LossUnavailable(`privacy loss: noise ${sigma} is too little, the loss has too many values`);
    else if (sensitivities.length === 1) gaussianMuSquared += count * (sensitivities[0] / sigma) ** 2;
    else others.push(both(count, (direction, cut) => gaussianMixtureLoss(mixture, direction, cut)));
  };
  for (const { event, count } of events) {
    switch (event.kind) {
      case 'gaussian':
        add(sampledGaussian(1, event.noiseMultiplier), count);
        break;
      case 'discrete-gaussian':
        add(sampledGaussian(1, event.noiseSteps / event.sensitivitySteps), count);
        logKept += count * Math.log1p(-(event.slip ?? 0));
        break;
      case 'laplace':
        others.push(symmetric(count, () => laplaceLoss(event.scale, 1, 1, 'remove')));
        break;
      case 'sampled': {
        const [q, times] = [event.q, count * (event.of.count ?? 1)];
        if (times > count)
          throw new RangeError('privacy event: repetitions of one sample cannot be composed as samples');
        if (q === 0 || times === 0) break;
        if (event.of.kind === 'gaussian') add(sampledGaussian(q, event.of.noiseMultiplier), count);
        else if (event.of.kind === 'discrete-gaussian') {
          add(sampledGaussian(q, event.of.noiseSteps / event.of.sensitivitySteps), count);
          logKept += count * Math.log1p(-(event.of.slip ?? 0));
        } else {
          const { scale } = event.of;
          others.push(both(count, direction => laplaceLoss(scale, 1, q, direction)));
        }
        break;
      }
      case 'randomized-response':
        if (event.relation === 'replace') {
          others.push(symmetric(count, () => randomizedResponseLoss(event.noise, event.categories, 'replace')));
        } else {
          others.push(both(count, direction => randomizedResponseLoss(event.noise, event.categories, direction)));
        }
        break;
      case 'epsilon-delta':
        if (event.epsilon === Number.POSITIVE_INFINITY || event.delta === 1) notPrivate = true;
        else others.push(symmetric(count, () => statedLoss(event.epsilon, event.delta)));
        break;
      case 'mixture': {
        const { noiseMultiplier: sigma, sensitivities, probabilities } = event;
        add({ sigma, sensitivities, probabilities }, count);
        break;
      }
      case 'truncated':
        if (event.q === 0) break;
        if (event.noiseMultiplier === 0) notPrivate = true;
        else others.push(both(count, (direction, cut) => truncatedLoss(event, direction, cut)));
        break;
      case 'tree': {
        // One record touches one node of each level: sensitivity √⌈log₂(T + 1)⌉ (Kairouz et al. 2021, Thm 4.1 of DP-FTRL).
        const levels = Math.ceil(Math.log2(event.steps + 1));
        if (levels > 0 && event.noiseMultiplier === 0) notPrivate = true;
        else if (levels > 0) gaussianMuSquared += (count * levels) / event.noiseMultiplier ** 2;
        break;
      }
      case 'not-private':
        notPrivate = true;
        break;
      case 'zcdp':
      case 'sampled-fixed':
      case 'shared':
        throw new LossUnavailable(`privacy loss: ${event.kind} has no privacy loss distribution`);
      default:
        throw new RangeError(`privacy event: unknown kind ${String((event as { kind: unknown }).kind)}`);
    }
  }
  return { gaussianMuSquared, others, logKept, notPrivate };
}

function both(
  count: number,
  lossAt: (direction: Exclude<Direction, 'replace'>, cut: number) => ReturnType<Release['lossAt']>,
): Releases {
  const release = (direction: 'add' | 'remove'): Release => ({ count, lossAt: cut => lossAt(direction, cut) });
  return { remove: release('remove'), add: release('add'), same: false };
}

function symmetric(count: number, lossAt: Release['lossAt']): Releases {
  return { remove: { count, lossAt }, add: { count, lossAt }, same: true };
}
