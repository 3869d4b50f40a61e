/** The audit of private mechanisms, layer by layer. */
import type { RandomBytes } from '../privacy/random-words.ts';
import { accountantLayer } from './accountant-layer.ts';
import type { AuditLayer, AuditSetting, AuditSize, Check, Wanted } from './check.ts';
import { ledgerLayer } from './ledger-layer.ts';
import type { AuditedMechanisms } from './mechanisms.ts';
import { membershipLayer } from './membership-layer.ts';
import { noiseLayer } from './noise-layer.ts';
import { oneRunLayer } from './one-run-layer.ts';
import { replayLayer } from './replay-layer.ts';
import { samplerLayer } from './sampler-layer.ts';
import { twoWorldsLayer } from './two-worlds-layer.ts';

export interface Audit {
  readonly mechanisms: AuditedMechanisms;
  readonly size: AuditSize;
  /** Where batches, rounding and noise come from: in production a cryptographically secure generator. */
  readonly randomBytes: RandomBytes;
  /** A task whose noise and sampling L4 and L5 are to try. */
  readonly setting?: AuditSetting;
  /** Checks of L0 and L3 that are run, by name; by default all. */
  readonly wanted?: Wanted;
  readonly onProgress?: (text: string) => void;
}

/**
 * The checks of one layer. What passes shows no fault that is looked for; it proves no privacy.
 *
 * An audit of all layers raises a false alarm with probability below 1e-3 (a union bound): 1e-4 for the tests of L1 together, 1e-5 for L2,
 * 1e-4 for each of four bounds of L4 and half of it for the four others, as much as one more for a task, and 1e-4 for L5. L0 and L3 leave
 * nothing to chance; L6 compares figures with bounds that are six standard deviations off.
 */
export async function auditLayer(layer: AuditLayer, audit: Audit): Promise<readonly Check[]> {
  const { mechanisms, size, randomBytes, setting = null, wanted = () => true, onProgress = () => undefined } = audit;
  switch (layer) {
    case 'L0':
      return replayLayer(mechanisms, wanted);
    case 'L1':
      return noiseLayer(mechanisms, size, randomBytes);
    case 'L2':
      return samplerLayer(mechanisms, size, randomBytes);
    case 'L3':
      return [...(await accountantLayer(mechanisms, size, wanted)), ...(await ledgerLayer(mechanisms, wanted))];
    case 'L4':
      return twoWorldsLayer(mechanisms, size, randomBytes, setting, onProgress);
    case 'L5':
      return oneRunLayer(mechanisms, size, randomBytes, setting);
    case 'L6':
      return membershipLayer(mechanisms, size, randomBytes, onProgress);
  }
}
