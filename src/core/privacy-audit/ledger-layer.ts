/** L3, the ledger: what is reserved stays spent, over crashes too, and a limit is kept. */
import type { StoredEntry } from '../privacy/ledger-entry.ts';
import type { Spend } from '../privacy/ledger-port.ts';
import { Problem } from '../protocol/problem.ts';
import { auditDelta, sgdTask } from './audited-task.ts';
import { type Check, type Wanted, wantedChecks, written } from './check.ts';
import type { AuditDisk, AuditedMechanisms } from './mechanisms.ts';

export function ledgerLayer(mechanisms: AuditedMechanisms, wanted: Wanted): Promise<Check[]> {
  return wantedChecks('L3', wanted, {
    'a ledger adds up what the accountant says': ['20 rounds', () => sumFaults(mechanisms)],
    'what was reserved is spent after a crash': ['a crash in each of 20 rounds', () => crashFaults(mechanisms)],
    'a refused release changes nothing': ['a budget of ε = 3', () => limitFaults(mechanisms)],
  });
}

const rounds = 20;
const { plan } = sgdTask({ model: 'layers', noiseMultiplier: 1.5, samplingRate: 0.05, steps: 10, batchSize: 16 });

function spendOf(mechanisms: AuditedMechanisms, round: number, epsilon: number): Spend {
  return {
    task: 'a'.repeat(64),
    round,
    purpose: 'train',
    unit: 'record',
    relation: 'add-remove',
    event: mechanisms.event(plan, 1.5),
    limit: { epsilon, delta: auditDelta },
    isFixed: true,
  };
}

/** A disk that outlives the ledgers that are opened on it. */
function memoryDisk(): AuditDisk {
  const entries: StoredEntry[] = [];
  return {
    entries,
    extend(from, decide) {
      entries.push(...decide(entries.slice(from)));
    },
  };
}

/** ε of so many rounds at once. */
function together(mechanisms: AuditedMechanisms, count: number): number {
  return mechanisms.rdpEpsilon({ kind: 'repeated', of: mechanisms.event(plan, 1.5), count }, auditDelta);
}

async function sumFaults(mechanisms: AuditedMechanisms): Promise<string[]> {
  const ledger = mechanisms.openLedger(memoryDisk());
  for (let round = 1; round <= rounds; round++) {
    const reservation = await ledger.reserve(spendOf(mechanisms, round, 1000));
    await reservation.commit();
    await reservation.release();
  }
  return differs(ledger.spent(), together(mechanisms, rounds));
}

async function crashFaults(mechanisms: AuditedMechanisms): Promise<string[]> {
  const disk = memoryDisk();
  for (let round = 1; round <= rounds; round++) {
    const reservation = await mechanisms.openLedger(disk).reserve(spendOf(mechanisms, round, 1000));
    // In turn: before the result is durable, before it has left, after it has.
    if (round % 3 > 0) await reservation.commit();
    if (round % 3 > 1) await reservation.release();
  }
  return differs(mechanisms.openLedger(disk).spent(), together(mechanisms, rounds));
}

async function limitFaults(mechanisms: AuditedMechanisms): Promise<string[]> {
  const limit = 3;
  const disk = memoryDisk();
  const ledger = mechanisms.openLedger(disk);
  let [round, isRefused] = [0, false];
  while (!isRefused && round < 10_000) {
    try {
      await ledger.reserve(spendOf(mechanisms, round + 1, limit));
      round++;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      isRefused = true;
    }
  }
  const spent = ledger.spent();
  const faults = differs(spent, together(mechanisms, round));
  if (spent > limit) faults.push(`ε ${written(spent)} was spent of ${limit}`);
  if (together(mechanisms, round + 1) <= limit) faults.push(`round ${round + 1} was refused below the limit`);
  return [...faults, ...differs(mechanisms.openLedger(disk).spent(), spent)];
}

function differs(spent: number, expected: number): string[] {
  const isSame = Math.abs(spent - expected) <= 1e-6 * expected;
  return isSame ? [] : [`ε ${written(spent)} is spent, the rounds come to ${written(expected)}`];
}
