/** Reserves round after round until it is refused, and says each answer. For tests with several processes, and for kill tests. */
import { writeSync } from 'node:fs';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { openLedger } from '../../../src/node/storage/sqlite-ledger.ts';
import { spend } from '../../core/privacy/ledger-samples.ts';

const [path, rounds, epsilon = '5', how = 'commits'] = process.argv.slice(2);
const ledger = openLedger(path, { build: 'test' });
// Of these ε 5 allows 39.
const event = { kind: 'gaussian', noiseMultiplier: 6 } as const;
try {
  for (let round = 1; round <= Number(rounds); round++) {
    const reservation = await ledger.reserve(spend(round, { event, limit: { epsilon: Number(epsilon), delta: 1e-5 } }));
    writeSync(1, 'reserved\n');
    if (how === 'waits') await new Promise(resolve => process.stdin.once('end', resolve).resume());
    await reservation.commit();
  }
} catch (error) {
  if (!(error instanceof Problem && error.code === 'budget-spent')) throw error;
  writeSync(1, 'refused\n');
}
ledger.close();
