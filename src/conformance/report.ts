/** Runs cases against the implementations of this build and counts. */
import { type Case, type Implementations, refused } from './case.ts';
import { isRefusal, meets } from './judge.ts';

export interface Counts {
  passed: number;
  failed: number;
  unsupported: number;
}

export interface Failure {
  readonly id: string;
  readonly expected: unknown;
  readonly got: unknown;
}

/** What `parley conformance --json` prints: stable, others check with it. */
export interface Report extends Counts {
  readonly groups: Record<string, Counts>;
  readonly failures: Failure[];
}

/** Runs the cases in order. A case whose function is not in the table is unsupported, never passed. */
export async function runCases(cases: readonly Case[], implementations: Implementations): Promise<Report> {
  const report: Report = { passed: 0, failed: 0, unsupported: 0, groups: {}, failures: [] };
  for (const one of cases) {
    const verdict = await runCase(one, implementations);
    const outcome = typeof verdict === 'string' ? verdict : 'failed';
    report.groups[one.group] ??= { passed: 0, failed: 0, unsupported: 0 };
    report.groups[one.group][outcome]++;
    report[outcome]++;
    if (typeof verdict !== 'string') report.failures.push(verdict);
  }
  return report;
}

async function runCase(one: Case, implementations: Implementations): Promise<'passed' | 'unsupported' | Failure> {
  if (!Object.hasOwn(implementations, one.fn)) return 'unsupported';
  const implementation = implementations[one.fn];
  const got = await attempt(() => implementation.run(one.input));
  if (meets(got, one.expectation, implementation.precision)) return 'passed';
  const { kind, ...expected } = one.expectation;
  return {
    id: one.id,
    expected: printable(kind === 'value' ? one.expectation.value : { kind, ...expected }),
    got: printable(got),
  };
}

async function attempt(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    return isRefusal(error) ? refused : new Error(`threw ${String(error)}`);
  }
}

/** The value in a form that JSON holds: bytes in hex, typed arrays as lists, non-finite numbers and refusals as text. */
function printable(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === refused) return 'refused';
  if (value instanceof Error) return value.message;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Float32Array || value instanceof Float64Array) return [...value].map(printable);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printable(item)]));
  }
  return value === undefined ? 'nothing' : value;
}
