/**
 * Privacy by loss distributions: ε and δ of composed events with a bound on either side (Sommer, Meiser and Mohammadi 2019; Koskela, Jälkö
 * and Honkela 2020; Doroshenko et al. 2022). Reports and calibrates. It is not valid for noise or sampling that later releases choose by
 * what earlier ones showed: there a Rényi filter decides.
 */
import {
  type Bounds,
  composedDelta,
  composedEpsilon,
  isPrivateByMoments,
  LossUnavailable,
  type Release,
} from './composed-loss.ts';
import { flatten, type PrivacyEvent } from './event.ts';
import { type EventLosses, lossesOf, type Releases } from './event-loss.ts';
import { gaussianDelta, gaussianEpsilon } from './gaussian.ts';
import { gaussianMixtureLoss } from './gaussian-loss.ts';
import { requireNonNegative, requireProbability } from './ranges.ts';

/** Below it rounding errors could matter; the caller asks another accountant. */
const leastDelta = 1e-100;

/**
 * ε ≥ 0 at δ, for both directions of add and remove. `upper` is what may be claimed. Infinity when more than δ has no finite loss, 0
 * when nothing happened. δ = 0 gives the largest loss there is. Throws RangeError for a δ outside [0, 1], LossUnavailable (a
 * RangeError) for events without a loss distribution and when the sum cannot be computed: use Rényi accounting then.
 */
export function pldEpsilon(event: PrivacyEvent, delta: number): Bounds {
  requireProbability('delta', delta);
  const losses = lossesOf(flatten(event));
  if (losses.notPrivate) return delta >= 1 ? exactly(0) : exactly(Number.POSITIVE_INFINITY);
  const left = withoutSlip(losses, delta);
  if (left === null) return exactly(Number.POSITIVE_INFINITY);
  if (losses.others.length === 0) {
    if (losses.gaussianMuSquared === 0) return exactly(0);
    if (left === 0) return exactly(Number.POSITIVE_INFINITY);
    return around(gaussianEpsilon(1 / Math.sqrt(losses.gaussianMuSquared), left));
  }
  if (left > 0 && left < leastDelta) throw new LossUnavailable(`privacy loss: δ = ${delta} is too small`);
  return worst(
    losses,
    releases => composedEpsilon(releases, left),
    (releases, { lower }) => left > 0 && isPrivateByMoments(releases, lower, left),
  );
}

/** δ at ε ≥ 0; as `pldEpsilon`. */
export function pldDelta(event: PrivacyEvent, epsilon: number): Bounds {
  requireNonNegative('epsilon', epsilon);
  const losses = lossesOf(flatten(event));
  if (losses.notPrivate) return exactly(1);
  const slip = -Math.expm1(losses.logKept);
  const total = (delta: number) => Math.min(1, slip + (1 - slip) * delta);
  const { gaussianMuSquared, others } = losses;
  const { lower, upper } =
    others.length > 0
      ? worst(losses, releases => composedDelta(releases, epsilon))
      : gaussianMuSquared === 0
        ? exactly(0)
        : around(gaussianDelta(1 / Math.sqrt(gaussianMuSquared), epsilon));
  return { lower: total(lower), upper: total(upper) };
}

function withoutSlip({ logKept }: EventLosses, delta: number): number | null {
  if (logKept === 0) return delta;
  const left = (delta + Math.expm1(logKept)) / Math.exp(logKept);
  return left >= 0 ? left : null;
}

/** The larger bounds of both directions; additions that are `within` those of removals are not composed. */
function worst(
  { gaussianMuSquared, others }: EventLosses,
  bound: (releases: readonly Release[]) => Bounds,
  within: (releases: readonly Release[], bounds: Bounds) => boolean = () => false,
): Bounds {
  const gaussian = gaussianMuSquared === 0 ? [] : [gaussianReleases(Math.sqrt(gaussianMuSquared))];
  const all = [...gaussian, ...others];
  const remove = bound(all.map(each => each.remove));
  if (all.every(each => each.same)) return remove;
  const added = all.map(each => each.add);
  if (within(added, remove)) return remove;
  const add = bound(added);
  return { lower: Math.max(remove.lower, add.lower), upper: Math.max(remove.upper, add.upper) };
}

function gaussianReleases(mu: number): Releases {
  const mixture = { sigma: 1 / mu, sensitivities: [1], probabilities: [1] };
  const release: Release = { count: 1, lossAt: cut => gaussianMixtureLoss(mixture, 'remove', cut) };
  return { remove: release, add: release, same: true };
}

function exactly(value: number): Bounds {
  return { lower: value, upper: value };
}

/** The closed form is right to about 1e-13. */
function around(value: number): Bounds {
  return { lower: value * (1 - 1e-12), upper: value };
}
