/** The newest revocation bundle a member has seen, kept across restarts: an older one is refused, whoever shows it. */
import { existsSync } from 'node:fs';
import { Problem } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';
import { type Crl, parseCrl, readCrl, revocationListOf } from './crl.ts';

/** Certificates (PEM) of those who sign the lists of a federation. */
export interface Authorities {
  readonly root: string;
  readonly issuing: string;
}

/**
 * Takes bundles and remembers the newest in a file. The result of `accept` is the bundle to check against.
 * Ends of life are judged where a certificate is checked (`verifyUpdateCertificate`), not here; call `keep` only after a
 * certificate was verified on the bundle.
 */
export class NewestCrl {
  readonly #path: string;
  readonly #authorities: () => Authorities;
  #newest: Crl | null;

  /** @param authorities those of now: a renewal may bring another issuing certificate. */
  constructor(path: string, authorities: () => Authorities) {
    this.#path = path;
    this.#authorities = authorities;
    this.#newest = existsSync(path) ? readCrl(path) : null;
  }

  /**
   * Parses a bundle. Throws Problem `bad-request` unless it is one list of each authority, signed by it, and nothing else;
   * `stale` when one of the lists is older than the one seen before.
   */
  accept(pem: string): Crl {
    const crl = parse(pem);
    const numbers = this.#numbers(crl);
    if (crl.lists.length !== numbers.length || numbers.includes(null))
      throw new Problem('bad-request', 'not the revocation lists of this federation');
    const seen = this.#seen();
    if (numbers.some((number, i) => (number ?? -1) < (seen[i] ?? -1)))
      throw new Problem('stale', 'the revocation list is older than one seen before');
    return crl;
  }

  /** The newest bundle on which a certificate was verified, or null. */
  get newest(): Crl | null {
    return this.#newest;
  }

  /** Remembers a bundle on which a certificate was verified. */
  keep(crl: Crl): void {
    if (this.#numbers(crl).join() === this.#seen().join()) return;
    writeDurable(this.#path, crl.pem, 0o644);
    this.#newest = crl;
  }

  #seen(): (number | null)[] {
    return this.#newest === null ? [] : this.#numbers(this.#newest);
  }

  /** Number of each authority's list; null where it signed none. */
  #numbers(crl: Crl): (number | null)[] {
    const { root, issuing } = this.#authorities();
    return [root, issuing].map(authority => revocationListOf(crl, authority)?.number ?? null);
  }
}

function parse(pem: string): Crl {
  try {
    return parseCrl(pem);
  } catch (cause) {
    throw new Problem('bad-request', 'not a revocation list', { cause });
  }
}
