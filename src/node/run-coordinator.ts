/** A coordinator as a running process: state directory, listener, renewal, revocation, and the authority beside it. */
import { join } from 'node:path';
import { Coordinator } from '../coordinator/coordinator.ts';
import type { CoordinatorPorts } from '../coordinator/ports.ts';
import type { Log, StepPort } from '../core/protocol/ports.ts';
import { readFederation } from './authority/home.ts';
import { keepRenewed } from './authority/renewal.ts';
import { systemClock } from './clock.ts';
import { serveCoordinator } from './http/coordinator-server.ts';
import { loadCredentials } from './pki/credentials.ts';
import { readCrl, watchCrl } from './pki/crl.ts';
import { verifyUpdateCertificate } from './pki/verify.ts';
import { nodePrimitives } from './primitives.ts';
import { openFileBlobs } from './storage/file-blobs.ts';
import { lockDirectory } from './storage/lock.ts';
import { openCoordinatorStore } from './storage/sqlite-coordinator-store.ts';

export interface CoordinatorSettings {
  /** Home of the federation. */
  readonly home: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly log: Log;
  /** See `StepPort`; absent in production. */
  readonly step?: StepPort;
  readonly handshakeTimeoutMs?: number;
  readonly bodyGraceMs?: number;
}

export interface RunningCoordinator {
  readonly port: number;
  readonly coordinator: Coordinator;
  connections(): number;
  close(): Promise<void>;
}

/**
 * Starts a coordinator on its home. One process per home: a second one is refused. Throws UserError naming what is wrong
 * (home, lock, port, disk) and the remedy.
 */
export async function runCoordinator(settings: CoordinatorSettings): Promise<RunningCoordinator> {
  const { home, log } = settings;
  const federation = readFederation(home);
  const folder = join(home, 'coordinator');
  const crlPath = join(home, 'authority', 'crl.pem');
  let credentials = loadCredentials(join(folder, 'credentials'));
  let crl = readCrl(crlPath);
  const lock = lockDirectory(folder, 'a coordinator');
  const store = openCoordinatorStore(join(folder, 'state.sqlite'));
  const ports: CoordinatorPorts = {
    federation: federation.federation,
    identity: () => ({ signer: credentials.updateSigner, certificate: credentials.updateCertificateHash }),
    verifyCertificate(der) {
      const trust = {
        federation: federation.federation,
        root: credentials.tls.ca,
        issuing: credentials.issuing,
        crl,
        nowMs: Date.now(),
      };
      const { principal, hash, publicKey } = verifyUpdateCertificate(der, trust);
      return { name: principal.name, role: principal.role, certificate: hash, publicKey };
    },
    primitives: nodePrimitives,
    store,
    blobs: await openFileBlobs(join(folder, 'blobs')),
    clock: systemClock,
    log,
    step: settings.step ?? (() => undefined),
  };
  const coordinator = await Coordinator.open(ports);
  const server = await serveCoordinator({ ...settings, coordinator, credentials, crl });
  const watch = watchCrl(crlPath, next => {
    crl = next;
    void server.revoke(next).catch(error => log({ event: 'failed', level: 'error', detail: String(error) }));
  });
  const renewal = keepRenewed(folder, {
    log,
    onRenewed(next) {
      credentials = next;
      server.renew(next);
    },
  });
  log({ event: 'listening', detail: `${settings.host}:${server.port}` });
  return {
    port: server.port,
    coordinator,
    connections: () => server.connections(),
    async close() {
      watch.close();
      renewal.close();
      await server.close();
      store.close();
      lock.release();
    },
  };
}
