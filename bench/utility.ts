/** Suite `utility`: what models reach whose training hides every record, or every user. Needs PARLEY_DATA_DIR. */
import { UserError } from '../src/core/protocol/problem.ts';
import type { BenchResult } from './harness.ts';
import { digitsUtility } from './utility-digits.ts';
import { gmixUtility } from './utility-gmix.ts';
import { heart } from './utility-heart.ts';
import { organisationsUtility } from './utility-organisations.ts';
import { usersUtility } from './utility-users.ts';

/** One file each: what it measures is said there. */
const parts: Readonly<Record<string, (folder: string) => Promise<BenchResult[]>>> = {
  gmix: gmixUtility,
  mnist: digitsUtility,
  heart,
  organisations: organisationsUtility,
  users: usersUtility,
};

/** All parts, or those that PARLEY_BENCH_PARTS names, with commas between them. */
export async function utility(): Promise<BenchResult[]> {
  const chosen = (process.env.PARLEY_BENCH_PARTS ?? Object.keys(parts).join(',')).split(',');
  const unknown = chosen.find(part => !Object.hasOwn(parts, part));
  if (unknown !== undefined) {
    throw new UserError(
      'bench utility',
      `has no part ${JSON.stringify(unknown)}`,
      `Set PARLEY_BENCH_PARTS to some of ${Object.keys(parts).join(',')}, or unset it.`,
    );
  }
  const folder = process.env.PARLEY_DATA_DIR ?? '';
  if (folder === '' && chosen.some(part => part === 'mnist' || part === 'heart')) {
    throw new UserError('bench utility', 'needs real data', 'Set PARLEY_DATA_DIR to the folder of mnist and heart.');
  }
  const results: BenchResult[] = [];
  for (const part of chosen) results.push(...(await parts[part](folder)));
  return results;
}
