/** A coordinator as a running process: state directory, listener, renewal, revocation, and the authority beside it. */
import { join } from 'node:path';
import { Coordinator } from '../coordinator/coordinator.ts';
import type { CoordinatorStore } from '../coordinator/store.ts';
import type { LedgerPort } from '../core/privacy/ledger-port.ts';
import type { Clock, Log, StepPort } from '../core/protocol/ports.ts';
import { coordinatorCohorts } from './aggregation/coordinator-cohorts.ts';
import { readFederation } from './authority/home.ts';
import { keepRenewed } from './authority/renewal.ts';
import { buildName } from './build.ts';
import { systemClock } from './clock.ts';
import { maskingThreads, nodeGroupPorts } from './group-ports.ts';
import { serveCoordinator } from './http/coordinator-server.ts';
import { limitedLog } from './limited-log.ts';
import { loadCredentials } from './pki/credentials.ts';
import { type Crl, readCrl, watchCrl } from './pki/crl.ts';
import { verifyUpdateCertificate } from './pki/verify.ts';
import { nodePrimitives } from './primitives.ts';
import { openCoordinatorLedger } from './privacy/party-ledger.ts';
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
  /** Awaited when this process owns the home, before it listens: whatever has to be there when clients come. */
  readonly prepare?: () => Promise<void>;
  /** See `StepPort`; absent in production. */
  readonly step?: StepPort;
  /** The system's when absent. */
  readonly clock?: Clock;
  readonly handshakeTimeoutMs?: number;
  readonly bodyGraceMs?: number;
  readonly idleTimeoutMs?: number;
}

export interface RunningCoordinator {
  readonly port: number;
  readonly coordinator: Coordinator;
  connections(): number;
  /** Renews what is due and takes up what was renewed, as it does every half minute. True when the credentials are new. */
  renew(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Starts a coordinator on its home. One process per home: a second one is refused. Throws UserError naming what is wrong
 * (home, lock, port, disk) and the remedy.
 */
export async function runCoordinator(settings: CoordinatorSettings): Promise<RunningCoordinator> {
  const folder = join(settings.home, 'coordinator');
  readFederation(settings.home);
  const lock = lockDirectory(folder, 'a coordinator');
  try {
    const store = openCoordinatorStore(join(folder, 'state.sqlite'));
    try {
      const ledger = openCoordinatorLedger(folder, settings.log);
      try {
        await settings.prepare?.();
        const running = await listen(settings, store, ledger);
        return {
          ...running,
          async close() {
            await running.close();
            ledger.close();
            store.close();
            lock.release();
          },
        };
      } catch (error) {
        ledger.close();
        throw error;
      }
    } catch (error) {
      store.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function listen(
  settings: CoordinatorSettings,
  store: CoordinatorStore,
  privacy: LedgerPort,
): Promise<RunningCoordinator> {
  const { home, clock = systemClock } = settings;
  const log = limitedLog(settings.log, clock.now);
  const { federation } = readFederation(home);
  const folder = join(home, 'coordinator');
  const crlPath = join(home, 'authority', 'crl.pem');
  let credentials = loadCredentials(join(folder, 'credentials'));
  let crl = readCrl(crlPath);
  /** Member → serial number of the update certificate it showed last: that one lives longer than any TLS certificate. */
  const shown = new Map<string, string>();
  const blobs = await openFileBlobs(join(folder, 'blobs'));
  const cohorts = coordinatorCohorts(blobs);
  const group = await nodeGroupPorts(maskingThreads());
  const coordinator = await Coordinator.open({
    federation,
    identity: () => ({ signer: credentials.updateSigner, certificate: credentials.updateCertificateHash }),
    verifyCertificate(der) {
      const { issuing, tls } = credentials;
      const trust = { federation, root: tls.ca, issuing, crl, nowMs: clock.now() };
      const { principal, hash, publicKey, serial } = verifyUpdateCertificate(der, trust);
      shown.set(principal.name, serial);
      return { name: principal.name, role: principal.role, certificate: hash, publicKey, serial };
    },
    isRevoked: serial => crl.revoked.has(serial),
    primitives: nodePrimitives,
    store,
    privacy,
    build: buildName,
    blobs,
    openCohort: cohorts.open,
    aggregate: cohorts.aggregate,
    group,
    clock,
    log,
    step: settings.step ?? (() => undefined),
  });
  const server = await serveCoordinator({ ...settings, log, coordinator, credentials, crl }).catch(async error => {
    coordinator.close();
    await Promise.all([cohorts.close(), group.close()]);
    throw error;
  });
  const apply = (next: Crl): void => {
    crl = next;
    const members = new Set([...shown].filter(([, serial]) => next.revoked.has(serial)).map(([name]) => name));
    for (const name of members) shown.delete(name);
    void server.revoke(next, members).catch(error => log({ event: 'failed', level: 'error', detail: String(error) }));
  };
  const watch = watchCrl(crlPath, apply);
  // Whoever was revoked while this process started.
  const current = readCrl(crlPath);
  if (current.pem !== crl.pem) apply(current);
  const renewal = keepRenewed(folder, {
    log,
    clock: clock.now,
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
    renew: () => renewal.check(),
    async close() {
      watch.close();
      renewal.close();
      await server.close();
      await Promise.all([cohorts.close(), group.close()]);
    },
  };
}
