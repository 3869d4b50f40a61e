/** A client as a running process: its credentials, its outbox, its data, and the one outbound connection it needs. */
import { join } from 'node:path';
import { runClient } from '../client/client.ts';
import { type CertifiedMember, defaultPolicy } from '../client/group-ports.ts';
import type { ClientPorts } from '../client/ports.ts';
import type { SiteData } from '../core/data/dataset.ts';
import type { GradientWorkers } from '../core/learning/gradient-workers.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { FloatPool } from '../core/math/float-pool.ts';
import type { Log, StepPort } from '../core/protocol/ports.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import type { MemberPolicy } from '../core/secagg/member-policy.ts';
import { readMember } from './authority/home.ts';
import { keepRenewed } from './authority/renewal.ts';
import { buildName } from './build.ts';
import { systemClock } from './clock.ts';
import { keepScaling } from './data/kept-scaling.ts';
import { loadSiteFrom } from './data/site-files.ts';
import { maskingThreads, nodeGroupPorts } from './group-ports.ts';
import { type Introduction, openChannel } from './http/coordinator-channel.ts';
import { type Credentials, loadCredentials } from './pki/credentials.ts';
import { type Crl, revocationListOf } from './pki/crl.ts';
import { NewestCrl } from './pki/newest-crl.ts';
import { type VerifiedUpdateCertificate, verifyUpdateCertificate } from './pki/verify.ts';
import { nodePrimitives } from './primitives.ts';
import { openClientLedger } from './privacy/party-ledger.ts';
import { checkPolicy, policyFile, policyLine } from './privacy/policy.ts';
import { readPolicy } from './privacy/policy-file.ts';
import { privateTraining } from './private-training.ts';
import { openFileBlobs } from './storage/file-blobs.ts';
import { lockDirectory } from './storage/lock.ts';
import { openOutbox } from './storage/sqlite-outbox.ts';

export interface ClientSettings {
  /** Home of the member. */
  readonly home: string;
  readonly log: Log;
  readonly trainerFor: ClientPorts['trainerFor'];
  readonly signal: AbortSignal;
  /** What this site asks of groups that its updates are added up in. Default: `defaultPolicy`. */
  readonly groupPolicy?: MemberPolicy;
  /** See `StepPort`; absent in production. */
  readonly step?: StepPort;
}

/** Runs a client until `signal` aborts or the federation refuses it for good. Throws UserError, Problem. */
export async function runClientProcess(settings: ClientSettings): Promise<void> {
  const { home, signal } = settings;
  const member = readMember(home);
  let connected = false;
  const log: Log = event =>
    settings.log(
      event.event === 'connection-lost' && !connected
        ? { ...event, event: 'coordinator-unreachable', detail: `${member.coordinatorUrl}: ${event.detail}` }
        : event,
    );
  let credentials = loadCredentials(join(home, 'credentials'));
  const policy = readPolicy(home);
  if (policy !== null) log({ event: 'privacy-policy', detail: policyLine(policy) });
  const group = await nodeGroupPorts(maskingThreads());
  const lock = lockDirectory(home, 'a client');
  const outbox = openOutbox(join(home, 'client.sqlite'));
  const ledger = openClientLedger(home, policy, log);
  const newest = new NewestCrl(join(home, 'crl.pem'), () => ({
    root: credentials.tls.ca,
    issuing: credentials.issuing,
  }));
  const coordinatorKeys = new Map<string, Uint8Array>();
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const channel = openChannel(
    member.coordinatorUrl,
    () => credentials,
    introduction => {
      const { hash, publicKey } = meetCoordinator(introduction, credentials, newest);
      coordinatorKeys.clear();
      coordinatorKeys.set(hex(hash), publicKey);
      connected = true;
      log({ event: 'connected', detail: member.coordinatorUrl });
    },
  );
  const renewal = keepRenewed(home, {
    log,
    onRenewed(next) {
      credentials = next;
      channel.reconnect();
    },
  });
  try {
    await runClient(
      {
        federation: member.federation,
        name: credentials.principal.name,
        identity: () => ({ signer: credentials.updateSigner, certificate: credentials.updateCertificateHash }),
        coordinatorKey(certificate) {
          const key = coordinatorKeys.get(hex(certificate));
          // The coordinator may have renewed its certificate: the next request greets it again.
          if (key === undefined) channel.reconnect();
          return key ?? null;
        },
        channel,
        async trainerFor(task, taskHash) {
          if (policy !== null) checkPolicy(task, policy, join(home, policyFile));
          return settings.trainerFor(task, taskHash);
        },
        outbox,
        privacy: ledger,
        blobs: await openFileBlobs(join(home, 'blobs')),
        vectors: new FloatPool(1),
        primitives: nodePrimitives,
        clock: systemClock,
        log,
        step: settings.step ?? (() => undefined),
        group: {
          ...group,
          verifyMember: certificate => {
            const list = newest.newest;
            // The next greeting brings a newer list.
            if (list === null || !isOfToday(list, credentials.issuing)) channel.reconnect();
            return verifiedMember(certificate, credentials, list);
          },
          policy: settings.groupPolicy ?? defaultPolicy,
          build: buildName,
        },
      },
      signal,
    );
  } finally {
    renewal.close();
    channel.reconnect();
    ledger.close();
    outbox.close();
    await group.close();
    lock.release();
  }
}

/**
 * The coordinator's update certificate, checked like any other, on a revocation list that the authority signed and that is not
 * older than one this member has seen.
 */
function meetCoordinator(
  { certificate, crl }: Introduction,
  credentials: Credentials,
  newest: NewestCrl,
): VerifiedUpdateCertificate {
  const { principal, tls, issuing } = credentials;
  const current = newest.accept(crl);
  const trust = { federation: principal.federation, root: tls.ca, issuing, crl: current, nowMs: Date.now() };
  const verified = verifyUpdateCertificate(certificate, trust);
  if (verified.principal.role !== 'coordinator')
    throw new Problem('unauthenticated', 'the server is not a coordinator');
  newest.keep(current);
  return verified;
}

const dayMs = 24 * 3_600_000;
/** Lists begin a little in the past, for clocks that are behind. */
const backdateMs = 5 * 60_000;

/** Is the list of the authority that issues certificates no older than a day? */
function isOfToday(crl: Crl, issuing: string): boolean {
  const thisUpdateMs = revocationListOf(crl, issuing)?.thisUpdateMs ?? Number.NEGATIVE_INFINITY;
  return Date.now() - thisUpdateMs <= dayMs + backdateMs;
}

/** Another member of the federation, by its update certificate. Throws Problem. */
function verifiedMember(certificate: Uint8Array, credentials: Credentials, crl: Crl | null): CertifiedMember {
  const { principal, tls, issuing } = credentials;
  if (crl === null || !isOfToday(crl, issuing))
    throw new Problem('stale', 'the newest revocation list that this client has seen is older than a day');
  const trust = { federation: principal.federation, root: tls.ca, issuing, crl, nowMs: Date.now() };
  const { principal: member, publicKey, hash } = verifyUpdateCertificate(certificate, trust);
  const { organisation, name, role } = member;
  return { certificate: hash, publicKey, organisation, name, role };
}

/** Makes the trainer of a task on the rows of this site. */
export type OpenTrainer = (task: Task, site: SiteData) => Trainer;

/** Our own engine, which lets others run meanwhile. @param workers threads that train beside this one; none by default. */
export function ownTrainers(workers?: GradientWorkers): OpenTrainer {
  const yieldNow = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
  return (task, site) => createTrainer(task, site, { workers, yieldNow, privacy: privateTraining(task) });
}

/**
 * Trainers on the data of this site, at a path that `loadSiteFrom` reads. A task whose name is not in `accept` is refused
 * (null accepts every task of the federation): the site, not the coordinator, decides what its data is used for.
 *
 * @param home where the scaling that a site fitted is kept, for predictions at this site; null: nowhere.
 */
export function fileTrainers(
  path: string,
  accept: readonly string[] | null,
  open: OpenTrainer = ownTrainers(),
  home: string | null = null,
): ClientPorts['trainerFor'] {
  return async (task, taskHash) => {
    if (accept !== null && !accept.includes(task.name)) {
      throw new UserError(
        task.name,
        'this site does not accept the task',
        `Start the client with --accept ${task.name} to take part.`,
      );
    }
    const site = await loadSiteFrom(task.data, path);
    if (home !== null) keepScaling(home, taskHash, site);
    // A foreign trainer knows networks only.
    return task.model.name === 'moments' ? ownTrainers()(task, site) : open(task, site);
  };
}
