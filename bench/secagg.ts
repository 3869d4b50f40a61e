/** Suite `secagg`: what secure aggregation in groups costs each party. */
import type { BenchResult } from './harness.ts';
import { secaggBytes, secaggClient } from './secagg-client.ts';
import { secaggEncoding } from './secagg-encoding.ts';
import { secaggMasks } from './secagg-masks.ts';
import { secaggMemory } from './secagg-memory.ts';
import { secaggRounds } from './secagg-rounds.ts';
import { secaggShamir } from './secagg-shamir.ts';
import { secaggUnmask } from './secagg-unmask.ts';

export async function secagg(): Promise<BenchResult[]> {
  const parts = [
    secaggMasks,
    secaggEncoding,
    secaggShamir,
    secaggBytes,
    secaggClient,
    secaggRounds,
    secaggMemory,
    secaggUnmask,
  ];
  const results: BenchResult[] = [];
  for (const part of parts) results.push(...(await part()));
  return results;
}
