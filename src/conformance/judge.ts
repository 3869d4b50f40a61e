/** Decides whether what came out is what a case expects. */
import { Problem } from '../core/protocol/problem.ts';
import { type Expectation, type Implementation, refused, type Tolerance } from './case.ts';

/** Relative tolerance of values that are rounded to float32. */
const float32Relative = 1e-5;

/** True for an error that is an orderly refusal of an input; anything else that is thrown is a failure. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RangeError || error instanceof Problem;
}

/** True when the attempt is refused; what else it throws is thrown on. */
export function refuses(attempt: () => unknown): boolean {
  try {
    attempt();
  } catch (error) {
    if (isRefusal(error)) return true;
    throw error;
  }
  return false;
}

/** True when `got` meets the expectation. */
export function meets(got: unknown, expectation: Expectation, precision: Implementation['precision']): boolean {
  switch (expectation.kind) {
    case 'value':
      return got !== refused && near(got, expectation.value, widen(expectation.tolerance, precision));
    case 'range': {
      if (typeof got !== 'number' || !(got >= expectation.lower && got <= expectation.upper)) return false;
      return (
        expectation.near === null || near(got, expectation.near.value, widen(expectation.near.tolerance, precision))
      );
    }
    case 'estimate':
      return withinSigmas(got, expectation.value, expectation.sigmas);
    case 'refusal':
      return got === refused;
    case 'value-or-refusal':
      return got === refused || near(got, expectation.value, { absolute: 0, relative: 0 });
    case 'statement':
      return got === true;
  }
}

function widen(tolerance: Tolerance, precision: Implementation['precision']): Tolerance {
  return precision === 'float32'
    ? { ...tolerance, relative: Math.max(tolerance.relative, float32Relative) }
    : tolerance;
}

function near(got: unknown, expected: unknown, tolerance: Tolerance): boolean {
  if (typeof expected === 'number') return typeof got === 'number' && nearNumber(got, expected, tolerance);
  if (Array.isArray(expected)) {
    const list = asList(got);
    const within = ofItems(expected, tolerance);
    return list !== null && list.length === expected.length && expected.every((item, i) => near(list[i], item, within));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof got !== 'object' || got === null) return false;
    return Object.entries(expected).every(
      ([key, item]) => Object.hasOwn(got, key) && near(Reflect.get(got, key), item, tolerance),
    );
  }
  return got === expected;
}

/** What each item of a list must keep to. */
function ofItems(expected: readonly unknown[], { absolute, relative, ofLargest }: Tolerance): Tolerance {
  const numbers = expected.filter(item => typeof item === 'number').filter(Number.isFinite);
  if (ofLargest !== true || numbers.length === 0) return { absolute, relative, ofLargest };
  return { absolute: absolute + relative * Math.max(...numbers.map(Math.abs)), relative: 0 };
}

function nearNumber(got: number, expected: number, { absolute, relative }: Tolerance): boolean {
  if (!Number.isFinite(expected) || !Number.isFinite(got)) return Object.is(got, expected);
  return Math.abs(got - expected) <= absolute + relative * Math.abs(expected);
}

function asList(value: unknown): ArrayLike<unknown> | null {
  if (Array.isArray(value)) return value;
  return value instanceof Float32Array || value instanceof Float64Array || value instanceof Uint8Array ? value : null;
}

function withinSigmas(got: unknown, expected: unknown, sigmas: number): boolean {
  if (typeof got !== 'object' || got === null || typeof expected !== 'object' || expected === null) return false;
  return Object.entries(expected).every(([key, value]) => {
    const estimate: unknown = Reflect.get(got, key);
    if (typeof estimate !== 'object' || estimate === null || typeof value !== 'number') return false;
    const { value: mean, standardError } = estimate as { value?: unknown; standardError?: unknown };
    return (
      typeof mean === 'number' && typeof standardError === 'number' && Math.abs(mean - value) <= sigmas * standardError
    );
  });
}
