/** The simulated part of suite `rounds`. */
import type { BenchResult } from './harness.ts';

export async function simulatedRounds(): Promise<BenchResult[]> {
  return [];
}
