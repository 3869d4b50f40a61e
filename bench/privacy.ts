/** Suite `privacy`: what privacy costs in time. */
import type { BenchResult } from './harness.ts';
import { privacyAccountants } from './privacy-accountants.ts';
import { dpSgdOverheads } from './privacy-dpsgd.ts';
import { privacyLedger } from './privacy-ledger.ts';
import { privacyNoise } from './privacy-noise.ts';

/** One file each: what it measures is said there. */
const parts: readonly (() => Promise<BenchResult[]>)[] = [
  privacyNoise,
  dpSgdOverheads,
  privacyLedger,
  privacyAccountants,
];

export async function privacy(): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const part of parts) results.push(...(await part()));
  return results;
}
