/** Part of the suite `secagg`: the memory of a round in which all parties are one process. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type BenchResult, finished } from './harness.ts';

/** Ten groups of 50, 100,000 values each. */
const parties = [10, 50, 100_000];

/**
 * `parties.n500.d1e5.rss`: the largest resident set of a process that holds 500 members and the coordinator through one round, every masked
 * vector included. Without the rest of a simulated world: no trainers, no storage.
 */
export async function secaggMemory(): Promise<BenchResult[]> {
  const program = join(
    import.meta.dirname,
    import.meta.url.endsWith('.ts') ? 'secagg-parties.ts' : 'secagg-parties.js',
  );
  const { status, stdout } = spawnSync(process.execPath, [program, ...parties.map(String)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`secagg-parties ended with ${status}`);
  const { megabytes } = JSON.parse(stdout) as { megabytes: number };
  return [finished({ name: 'parties.n500.d1e5.rss', value: megabytes, unit: 'MB', runs: 1 })];
}
