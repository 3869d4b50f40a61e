/** The ledger: the decision about one more release among ten thousand entries, and what makes it durable. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger, replay } from '../src/core/privacy/ledger.ts';
import type { StoredEntry } from '../src/core/privacy/ledger-entry.ts';
import type { Spend } from '../src/core/privacy/ledger-port.ts';
import { nodePrimitives } from '../src/node/primitives.ts';
import { openLedger } from '../src/node/storage/sqlite-ledger.ts';
import { type BenchResult, measure } from './harness.ts';

const entries = 10_000;
const build = 'bench';

/** A round of 20 sampled steps with noise on a grid, of a task that may go on for ever. */
function spend(round: number): Spend {
  const sum = { kind: 'discrete-gaussian', noiseSteps: 1024, sensitivitySteps: 900, slip: 1e-14 } as const;
  return {
    task: 'a'.repeat(64),
    round,
    purpose: 'train',
    unit: 'record',
    relation: 'add-remove',
    event: { kind: 'sampled', q: 0.05, of: sum, count: 20 },
    limit: { epsilon: 1e6, delta: 1e-5 },
    isFixed: true,
  };
}

/**
 * `ledger.check`: the decision about one more release, by a ledger of ten thousand entries; `ledger.replay`: reading and checking all of
 * them, as at a start; `ledger.reserve`: the decision and making it durable, on the disk of temporary files.
 */
export async function privacyLedger(): Promise<BenchResult[]> {
  const settings = { build, sha256: nodePrimitives.sha256 };
  const ledger = new Ledger(settings);
  const stored: StoredEntry[] = [];
  const append = (entry: StoredEntry): void => {
    ledger.append(entry);
    stored.push(entry);
  };
  for (let round = 1; ledger.length < entries; round++) {
    const { entries: made, index } = ledger.reserve(spend(round));
    for (const entry of made) append(entry);
    append(ledger.settle('commit', index));
    append(ledger.settle('release', index));
  }
  const check = () => timed(100, () => ledger.reserve(spend(entries)));
  return [
    await measure('ledger.check', 'ms', check, { runs: 9 }),
    await measure('ledger.replay', 'ms', () => timed(1, () => replay(stored, settings)), { runs: 5 }),
    await measureReserve(),
  ];
}

async function measureReserve(): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const ledger = openLedger(join(folder, 'ledger.sqlite'), { build });
  let round = 0;
  try {
    const reserve = async (): Promise<number> => {
      const from = performance.now();
      for (let i = 0; i < 50; i++) await ledger.reserve(spend(++round));
      return (performance.now() - from) / 50;
    };
    return await measure('ledger.reserve', 'ms', reserve, { runs: 5 });
  } finally {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of one of so many calls. */
function timed(times: number, action: () => void): number {
  const from = performance.now();
  for (let i = 0; i < times; i++) action();
  return (performance.now() - from) / times;
}
