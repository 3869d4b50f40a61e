/** The same training steps by other engines, each in a process of its own on one thread, where they are installed. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BenchResult, finished } from './harness.ts';

const run = promisify(execFile);
const limitMs = 180_000;
const root = join(import.meta.dirname, '..');

/** `<engine>.<figure>` in steps/s, and `ratio.<engine>.<figure>`: ours over theirs in the same run. None where an engine is not there. */
export async function peerRatios(ours: readonly BenchResult[]): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const [engine, rates] of [
    ['jax-js', await jaxRates()],
    ['torch', await torchRates()],
  ] as const) {
    for (const [name, value] of Object.entries(rates)) {
      const own = ours.find(result => result.name === name);
      if (own === undefined) continue;
      results.push(finished({ name: `${engine}.${name}`, value, unit: 'steps/s', runs: 1 }));
      results.push(finished({ name: `ratio.${engine}.${name}`, value: own.value / value, unit: 'times', runs: 1 }));
    }
  }
  return results;
}

type Rates = Readonly<Record<string, number>>;

/** jax-js is a development package: found in a checkout only. */
async function jaxRates(): Promise<Rates> {
  const program = join(root, 'test', 'oracle', 'jax-rates.ts');
  return existsSync(program) ? rates(process.execPath, [program]) : {};
}

/** The first Python that has PyTorch: PARLEY_PYTHON, python3 of the PATH, the system's. */
async function torchRates(): Promise<Rates> {
  const program = join(root, 'bench', 'torch-rates.py');
  for (const python of [process.env.PARLEY_PYTHON ?? '', 'python3', '/usr/bin/python3']) {
    if (python === '') continue;
    const found = await rates(python, [program]);
    if (Object.keys(found).length > 0) return found;
  }
  return {};
}

/** What a program prints as one JSON object; nothing when it fails: the engine is not there. */
async function rates(command: string, args: readonly string[]): Promise<Rates> {
  try {
    const { stdout } = await run(command, args, { timeout: limitMs, env: { ...process.env, OMP_NUM_THREADS: '1' } });
    return JSON.parse(stdout);
  } catch {
    return {};
  }
}
