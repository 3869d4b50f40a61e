/** Spends and ledgers for tests. */
import { createHash } from 'node:crypto';
import type { LedgerSettings } from '../../../src/core/privacy/ledger.ts';
import type { Spend } from '../../../src/core/privacy/ledger-port.ts';

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

export const taskA = 'a'.repeat(64);
export const taskB = 'b'.repeat(64);

export function settings(limits: LedgerSettings['limits'] = {}): LedgerSettings {
  return { sha256, build: 'test', limits };
}

/** Ten sampled steps with noise multiplier 2: ε 1.84 after five rounds at δ = 1e-5. */
export function spend(round: number, changes: Partial<Spend> = {}): Spend {
  return {
    task: taskA,
    round,
    purpose: 'train',
    unit: 'record',
    relation: 'add-remove',
    event: { kind: 'sampled', q: 0.1, of: { kind: 'gaussian', noiseMultiplier: 2 }, count: 10 },
    limit: { epsilon: 2, delta: 1e-5 },
    isFixed: true,
    ...changes,
  };
}
