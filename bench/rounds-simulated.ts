/** The simulated part of suite `rounds`: 100 clients, 1,000,000 parameters, one process. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type BenchResult, summarise } from './harness.ts';

const clients = 100;
const rounds = 11;
/** Clients that train and send at one time. */
const atOnce = 2;

/** Seconds of each round after the first, and the largest resident set of the process. */
export async function simulatedRounds(): Promise<BenchResult[]> {
  const program = join(import.meta.dirname, import.meta.url.endsWith('.ts') ? 'rounds-world.ts' : 'rounds-world.js');
  // A small young generation: what lives long here are tensors, which lie outside it.
  const args = ['--max-semi-space-size=2', program, String(clients), String(rounds), String(atOnce)];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`rounds-world ended with ${status}`);
  const { seconds, megabytes } = JSON.parse(stdout) as { seconds: number[]; megabytes: number };
  return [
    summarise(`simulated.${clients}x1m`, 's/round', seconds, availableParallelism()),
    { name: `simulated.${clients}x1m.rss`, value: megabytes, unit: 'MB', runs: 1 },
  ];
}
