/** The newest revocation bundle a member has seen, kept across restarts: an older one is refused, whoever shows it. */
import { existsSync } from 'node:fs';
import { Problem } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';
import { type Crl, parseCrl, readCrl } from './crl.ts';

/**
 * Takes bundles and remembers the newest in a file. The result of `accept` is the bundle to check against.
 * Signatures and ends of life are judged where a certificate is checked (`verifyUpdateCertificate`), not here; a bundle whose
 * signature does not hold must not be kept, so call `keep` only after a certificate was verified on it.
 */
export class NewestCrl {
  readonly #path: string;
  #newest: Crl | null;

  constructor(path: string) {
    this.#path = path;
    this.#newest = existsSync(path) ? readCrl(path) : null;
  }

  /** Parses a bundle. Throws Problem `bad-request` when it is none, `stale` when one of its lists is older than the one seen before. */
  accept(pem: string): Crl {
    const crl = parse(pem);
    const older = this.#newest?.lists.some((list, i) => (crl.lists[i]?.number ?? -1) < list.number) ?? false;
    if (older) throw new Problem('stale', 'the revocation list is older than one seen before');
    return crl;
  }

  /** Remembers a bundle on which a certificate was verified. */
  keep(crl: Crl): void {
    const seen = this.#newest?.lists.map(list => list.number).join() ?? '';
    if (crl.lists.map(list => list.number).join() === seen) return;
    writeDurable(this.#path, crl.pem, 0o644);
    this.#newest = crl;
  }
}

function parse(pem: string): Crl {
  try {
    return parseCrl(pem);
  } catch (cause) {
    throw new Problem('bad-request', 'not a revocation list', { cause });
  }
}
