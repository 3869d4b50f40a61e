/** The ledger of a party, beside its other data. */
import { join } from 'node:path';
import type { OnSpentAgain } from '../../core/privacy/ledger-keeper.ts';
import type { Log } from '../../core/protocol/ports.ts';
import { buildName } from '../build.ts';
import { type OpenLedger, openLedger } from '../storage/sqlite-ledger.ts';
import { lifetimeLimits, type PrivacyPolicy } from './policy.ts';

/** Name of the file in a client's home, and in the coordinator's folder. */
export const ledgerFile = 'ledger.sqlite';

/**
 * Opens or creates the ledger of a client, with the limits of its policy over all tasks. It is kept without a policy all the same.
 * Throws as `openLedger`.
 */
export function openClientLedger(home: string, policy: PrivacyPolicy | null, log: Log): OpenLedger {
  const limits = policy === null ? {} : lifetimeLimits(policy);
  return openLedger(join(home, ledgerFile), { build: buildName, limits }, spentAgain(log));
}

/** Opens or creates the ledger of a coordinator in its folder: the limits are those of the tasks. Throws as `openLedger`. */
export function openCoordinatorLedger(folder: string, log: Log): OpenLedger {
  return openLedger(join(folder, ledgerFile), { build: buildName }, spentAgain(log));
}

/** A crash between noise and its use costs budget: the operator is told. */
function spentAgain(log: Log): OnSpentAgain {
  return ({ task, round }, repeats) => {
    const detail = `reserved ${repeats + 1} times; each counts as spent, because noise may have been drawn`;
    log({ event: 'privacy-spent-again', level: 'warn', task, round, detail });
  };
}
