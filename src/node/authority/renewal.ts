/** Certificates renewed while the process runs, at half of their life, without a restart. */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeCbor } from '../../core/bytes/cbor.ts';
import type { Log } from '../../core/protocol/ports.ts';
import { Problem, UserError } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';
import { type CertificateKind, pemOfDer } from '../pki/certificate.ts';
import { type Credentials, loadCredentials, loadKeyPair, saveKeyPair } from '../pki/credentials.ts';
import { createRequest } from '../pki/request.ts';
import { createKey, parsePrivateKey, privateKeyPem, rawPublicKey, signerOf } from '../pki/signer.ts';
import { type Leaf, readLeaf } from '../pki/verify.ts';
import { postToAuthority } from './connection.ts';
import { memberPaths, readMember } from './home.ts';
import { parseRenewResponse, renewalMessage } from './messages.ts';

export interface RenewalOptions {
  /** Called with the new credentials, for `setSecureContext` and for signing. */
  readonly onRenewed: (credentials: Credentials) => void;
  readonly log: Log;
  /** Unix time in ms; Date.now when absent. */
  readonly clock?: () => number;
}

export interface Renewal {
  /** Renews what is due now. Resolves true when the credentials are new, also when another process replaced them on the disk. */
  check(): Promise<boolean>;
  close(): void;
}

const lookEveryMs = 30_000;
const longestPauseMs = 15 * 60_000;

/**
 * Keeps the credentials of a home renewed until `close`: each at half of its life ± 10 %. It looks at the wall clock every half
 * minute instead of waiting for an instant, so that a machine that slept or a clock that was set is noticed. A failure is logged
 * and tried again, at most 15 minutes later; after the end of the certificate the log says how to get a new invitation.
 * The timer does not keep the process alive.
 */
export function keepRenewed(home: string, options: RenewalOptions): Renewal {
  const { onRenewed, log, clock = Date.now } = options;
  const folder = memberPaths(home).credentials;
  let known = serialsOf(folder);
  let failures = 0;
  let failedMs = 0;
  let running: Promise<boolean> | null = null;

  const renewDue = async (): Promise<boolean> => {
    for (const kind of ['tls', 'update'] as const) await renewIfDue(home, kind, clock());
    const now = serialsOf(folder);
    if (now === known) return false;
    const credentials = loadCredentials(folder, clock());
    known = now;
    onRenewed(credentials);
    const until = new Date(credentials.notAfter).toISOString();
    log({ event: 'certificate-renewed', client: credentials.principal.name, detail: `until ${until}` });
    return true;
  };
  const check = (): Promise<boolean> => {
    running ??= renewDue().finally(() => {
      running = null;
    });
    return running;
  };
  const look = async (): Promise<void> => {
    const pauseMs = Math.min(longestPauseMs, lookEveryMs * 2 ** Math.min(failures, 10));
    if (failures > 0 && Math.abs(clock() - failedMs) < pauseMs) return;
    try {
      await check();
      failures = 0;
    } catch (error) {
      failures++;
      failedMs = clock();
      const remedy = error instanceof Problem || error instanceof UserError ? ` → ${error.remedy}` : '';
      log({ event: 'renewal-failed', level: 'error', detail: `${(error as Error).message}${remedy}` });
    }
  };
  const timer = setInterval(() => void look(), lookEveryMs).unref();
  return { check, close: () => clearInterval(timer) };
}

/**
 * When a certificate is renewed, Unix time in ms: half of its life ± 10 % of its life's half, spread over the members by the
 * certificate itself, so that it is the same after a restart.
 */
export function renewalTimeMs({
  notBeforeMs,
  notAfterMs,
  serial,
}: Pick<Leaf, 'notBeforeMs' | 'notAfterMs' | 'serial'>): number {
  const spread = createHash('sha256').update(serial).digest().readUInt16BE(0) / 65_535;
  return notBeforeMs + (notAfterMs - notBeforeMs) * (0.5 + 0.1 * (spread - 0.5));
}

/** Renews one certificate of a home now, whether it is due or not: a new key, vouched for by the old one. */
export async function renewCertificate(home: string, kind: CertificateKind, nowMs: number): Promise<void> {
  const { credentials } = memberPaths(home);
  const { federation, authorityUrl } = readMember(home);
  const { pair, leaf } = loadKeyPair(credentials, kind, nowMs);
  const root = readFileSync(join(credentials, 'root.crt'), 'utf8');
  const key = createKey();
  const request = {
    certificate: new Uint8Array(leaf.certificate.raw),
    csr: await createRequest(key),
    time: nowMs,
    nonce: randomBytes(32),
  };
  const signature = signerOf(parsePrivateKey(pair.key)).sign(renewalMessage(federation, request));
  const answer = parseRenewResponse(
    await postToAuthority(authorityUrl, '/v1/renew', encodeCbor({ ...request, signature }), root),
  );
  const next = readLeaf(answer.certificate, kind, federation);
  const issuing = new X509Certificate(answer.issuing);
  const chained =
    issuing.ca && issuing.verify(new X509Certificate(root).publicKey) && next.certificate.verify(issuing.publicKey);
  const owned = Buffer.from(rawPublicKey(key)).equals(rawPublicKey(next.certificate.publicKey));
  if (!chained || !owned)
    throw new Problem('unauthenticated', 'the authority answered with a certificate that is not ours');
  // Each of these is one rename; a crash between them leaves a pair that works.
  writeDurable(join(credentials, 'issuing.crt'), pemOfDer(answer.issuing), 0o644);
  saveKeyPair(credentials, kind, { key: privateKeyPem(key), certificate: pemOfDer(answer.certificate) });
}

async function renewIfDue(home: string, kind: CertificateKind, nowMs: number): Promise<void> {
  const { leaf } = loadKeyPair(memberPaths(home).credentials, kind, nowMs);
  if (nowMs >= renewalTimeMs(leaf)) await renewCertificate(home, kind, nowMs);
}

/** Expired or not: which certificates lie in the folder. */
function serialsOf(folder: string): string {
  return `${loadKeyPair(folder, 'tls', 0).leaf.serial} ${loadKeyPair(folder, 'update', 0).leaf.serial}`;
}
