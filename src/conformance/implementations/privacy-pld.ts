/** The vectors of privacy that loss distributions answer. */
import { LossUnavailable } from '../../core/privacy/composed-loss.ts';
import { type PrivacyEvent, parseEvent } from '../../core/privacy/event.ts';
import { eventEpsilon } from '../../core/privacy/event-rdp.ts';
import { pldDelta, pldEpsilon } from '../../core/privacy/pld.ts';
import { pldMaxSteps, pldNoiseMultiplier } from '../../core/privacy/pld-calibration.ts';
import { pldGroupEpsilon, replacedRecordEpsilon } from '../../core/privacy/pld-relations.ts';
import { sampledGaussianDelta } from '../../core/privacy/sampled-gaussian-delta.ts';
import type { Implementation, Implementations } from '../case.ts';
import type { Accountant } from './privacy-accountants.ts';
import { checkPoissonRelation, type Input, num, numOr, word } from './privacy-input.ts';

export const privacyPldFunctions: Implementations = {
  'privacy/sampledGaussianDelta': exactly(input =>
    sampledGaussianDelta(
      numOr(input, 'q', 1),
      num(input, 'sigma'),
      numOr(input, 'sensitivity', 1),
      word(input, 'adjacency', ['add', 'remove', 'replace'] as const, 'remove'),
      num(input, 'epsilon'),
    ),
  ),
  'privacy/pldEpsilon': exactly(input => {
    const delta = num(input, 'delta');
    const replace = input.neighbouring === 'replace' || input.neighbouring === 'replace_one';
    if (replace && input.events === undefined && numOr(input, 'q', 1) < 1) {
      const step = { samplingRate: num(input, 'q'), noiseMultiplier: gaussian(input).noiseMultiplier };
      return replacedRecordEpsilon(step, numOr(input, 'steps', 1), delta);
    }
    return upperEpsilon(eventOf(input), delta);
  }),
  'privacy/pldDelta': exactly(input => pldDelta(eventOf(input), num(input, 'epsilon')).upper),
};

const pld: Accountant = {
  noiseMultiplier: pldNoiseMultiplier,
  maxSteps: (step, epsilon, delta) => pldMaxSteps(step.samplingRate, step.noiseMultiplier, epsilon, delta),
  userLevelEpsilon: pldGroupEpsilon,
};

export const pldAccountants: Readonly<Record<string, Accountant>> = {
  pld,
  prv: pld,
  'pld-mixture-gaussian': { userLevelEpsilon: pld.userLevelEpsilon },
};

/** By loss distributions, or by Rényi divergences where these cannot be computed: both are bounds. */
function upperEpsilon(event: PrivacyEvent, delta: number): number {
  try {
    return pldEpsilon(event, delta).upper;
  } catch (error) {
    if (error instanceof LossUnavailable) return eventEpsilon(event, delta).epsilon;
    throw error;
  }
}

function exactly(run: (input: Input) => number): Implementation {
  return { precision: 'float64', run };
}

/** Two ways of naming what happened: a list of events, or one kind of step and how often. */
function eventOf(input: Input): PrivacyEvent {
  if (Array.isArray(input.events)) return { kind: 'composed', events: input.events.map(each => one(each as Input)) };
  if (input.events !== undefined) throw new RangeError('events: expected a list');
  const q = numOr(input, 'q', 1);
  checkPoissonRelation(input, q);
  return parseEvent(sampled(q, gaussian(input), numOr(input, 'steps', 1)));
}

function one(input: Input): PrivacyEvent {
  const count = numOr(input, 'count', 1);
  switch (input.type) {
    case 'gaussian':
      return parseEvent({ ...gaussian(input), count });
    case 'laplace':
      return parseEvent({ ...laplace(input), count });
    case 'poisson_gaussian':
      return parseEvent(sampled(num(input, 'q'), gaussian(input), count));
    case 'poisson_laplace':
      return parseEvent(sampled(num(input, 'q'), laplace(input), count));
    case 'epsilon_delta':
      return parseEvent({
        kind: 'epsilon-delta',
        epsilon: num(input, 'epsilon'),
        delta: numOr(input, 'delta', 0),
        count,
      });
    case 'randomized_response':
      return parseEvent({
        kind: 'randomized-response',
        noise: num(input, 'noise_parameter'),
        categories: num(input, 'buckets'),
        relation:
          word(input, 'neighbouring', ['replace_special', 'replace_one', 'replace'] as const, 'replace_one') ===
          'replace_special'
            ? 'add-remove'
            : 'replace',
        count,
      });
    case 'truncated_poisson_gaussian': {
      const [n, q, cap] = [num(input, 'n'), num(input, 'q'), num(input, 'cap')];
      return parseEvent({ kind: 'truncated', n, q, cap, noiseMultiplier: num(input, 'sigma'), count });
    }
    case 'non_private':
    case 'not_private':
      return { kind: 'not-private', count };
    default:
      throw new RangeError(`events: unknown type ${String(input.type)}`);
  }
}

function gaussian(input: Input) {
  return { kind: 'gaussian', noiseMultiplier: num(input, 'sigma') / numOr(input, 'sensitivity', 1) };
}

function laplace(input: Input) {
  return { kind: 'laplace', scale: num(input, 'b') / numOr(input, 'sensitivity', 1) };
}

function sampled(q: number, of: { readonly kind: string }, count: number) {
  return q === 1 ? { ...of, count } : { kind: 'sampled', q, of, count };
}
