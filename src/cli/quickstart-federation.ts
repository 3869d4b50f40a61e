/** The quickstart's federation: a fresh home, real enrolment, and one process per party. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../core/protocol/ports.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { leastHonest } from '../core/secagg/thresholds.ts';
import { createFederation, invite } from '../node/authority/federation.ts';
import { join as joinFederation } from '../node/authority/join.ts';
import { systemClock } from '../node/clock.ts';
import type { HeartSite } from '../node/data/find-heart.ts';
import { freePorts } from '../node/free-ports.ts';
import type { OperatorChannel } from '../node/http/coordinator-channel.ts';
import { lockDirectory } from '../node/storage/lock.ts';
import { systemCode } from '../node/storage/storage-failure.ts';
import type { RunList } from './operator.ts';
import { withOperator } from './operator.ts';
import type { Progress } from './output.ts';
import { mainEntry } from './package-root.ts';

/** Proves that a folder is ours to delete. */
const marker = 'parley-quickstart';
/** What the lock of a folder consists of. */
const ours = /^lock\.(?:sqlite|pid)/;

type Lock = ReturnType<typeof lockDirectory>;
type FreePorts = (count: number) => Promise<number[]>;

/** Another process took a port between the search for free ones and its use. */
class PortLost extends Error {}

export interface Federation {
  readonly home: string;
  readonly clients: number;
  /** Rejects when a process ends before it was asked to. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/**
 * Empties the home of an earlier quickstart and keeps its lock: until it is released no other one can take the folder.
 * Throws UserError for a folder that is not one, or that is in use.
 */
export function freshHome(home: string): Lock {
  const found = statSync(home, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory())
    throw new UserError(home, 'is not a folder', 'Choose another folder with --home.');
  if (found !== undefined && readdirSync(home).some(name => !ours.test(name)) && !existsSync(join(home, marker))) {
    throw new UserError(home, 'is not a folder that the quickstart made', 'Choose another folder with --home.');
  }
  const lock = lockHome(home);
  try {
    empty(home);
    writeFileSync(join(home, marker), 'Made anew by each run of parley quickstart.\n');
    return lock;
  } catch (cause) {
    lock.release();
    throw new UserError(
      home,
      `cannot be emptied (${(cause as Error).message})`,
      'Delete it, or choose another folder with --home.',
      { cause },
    );
  }
}

function lockHome(home: string): Lock {
  try {
    return lockDirectory(home, 'a quickstart');
  } catch (cause) {
    // Some places (/proc) have no folders of ours, and say that there is nothing.
    if (systemCode(cause) !== 'ENOENT') throw cause;
    throw new UserError(home, 'this folder cannot be made', 'Choose another folder with --home.', { cause });
  }
}

/** Deletes everything but the lock, which is held, and the marker. */
function empty(home: string): void {
  for (const name of readdirSync(home)) {
    if (!ours.test(name) && name !== marker) rmSync(join(home, name), { recursive: true, force: true });
  }
}

/**
 * Creates the federation in an emptied home, starts coordinator, authority and clients, and enrols each client over the network.
 * When another process takes a port meanwhile, it tries once more with other ports. Throws UserError, Problem.
 */
export async function startFederation(
  home: string,
  sites: readonly HeartSite[],
  progress: Progress,
  signal: AbortSignal,
  ports: FreePorts = freePorts,
): Promise<Federation> {
  try {
    return await attempt(home, sites, progress, signal, ports);
  } catch (error) {
    if (!(error instanceof PortLost)) throw error;
    progress.line('another process took a port meanwhile; starting again with others');
    empty(home);
  }
  try {
    return await attempt(home, sites, progress, signal, ports);
  } catch (error) {
    if (!(error instanceof PortLost)) throw error;
    throw new UserError(
      'quickstart',
      'other processes take its ports again and again',
      'Give the same command again.',
      {
        cause: error,
      },
    );
  }
}

async function attempt(
  home: string,
  sites: readonly HeartSite[],
  progress: Progress,
  signal: AbortSignal,
  ports: FreePorts,
): Promise<Federation> {
  const children: ChildProcess[] = [];
  const waiting = new AbortController();
  let closing = false;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const start = (name: string, args: string[]): void => {
    const child = spawn(process.execPath, [mainEntry, ...args, '--with-parent'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      // Ctrl-C goes to the whole group of a terminal: only the quickstart answers it, and ends the others.
      detached: process.platform !== 'win32',
    });
    children.push(child);
    let said = '';
    child.stderr.on('data', chunk => {
      said = `${said}${chunk}`.slice(-4000);
    });
    child.stdin.on('error', () => undefined); // it has ended: `close` tells
    child.once('error', cause => failure.reject(notStarted(name, cause)));
    child.once('close', code => {
      if (!closing) failure.reject(ended(name, code, said, home));
    });
  };
  const close = async (): Promise<void> => {
    closing = true;
    waiting.abort();
    await Promise.all(children.map(end));
  };
  try {
    const [port, authorityPort] = await ports(2);
    const federation = await createFederation(home, {
      federation: 'quickstart',
      host: 'localhost',
      port,
      authorityPort,
    });
    progress.line(
      `federation: certificate authority ${federation.rootFingerprint.slice(0, 16)}…, coordinator at ${federation.coordinatorUrl}`,
    );
    start('coordinator', ['coordinator', '--home', home, '--log', join(home, 'coordinator.log')]);
    await Promise.race([reachable(home, AbortSignal.any([signal, waiting.signal])), failure.promise]);
    for (const site of sites) {
      const member = join(home, 'clients', site.name);
      const { token } = await invite(home, { name: site.name, organisation: site.name, role: 'client', hours: 1 });
      await joinFederation(federation.authorityUrl, token, member);
      const path = 'path' in site ? site.path : writeSite(member, site.bytes);
      start(site.name, [
        'client',
        '--home',
        member,
        '--data',
        path,
        '--accept',
        'heart',
        // Four clinics of which one may drop out: a site on its own would ask for sums of five.
        '--honest',
        String(leastHonest),
        '--log',
        join(member, 'client.log'),
      ]);
    }
    progress.line(
      `enrolled: ${sites.map(site => site.name).join(', ')} (own keys, one-time invitations, mutual TLS 1.3)`,
    );
    return { home, clients: sites.length, failed: failure.promise, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function notStarted(name: string, cause: Error): UserError {
  return new UserError(
    name,
    `its process cannot be started (${cause.message})`,
    'Free some memory, or raise the limit of processes (ulimit -u).',
    { cause },
  );
}

function ended(name: string, code: number | null, said: string, home: string): Error {
  if (/port is in use|another process listens|EADDRINUSE/.test(said)) return new PortLost(said);
  const why = said
    .trim()
    .replace(/^parley: /, '')
    .split('\n→')[0];
  const what = code === null ? 'was killed' : `ended with exit code ${code}`;
  return new UserError(name, why === '' ? what : `${what}: ${why}`, `See the logs in ${home}.`);
}

function writeSite(member: string, bytes: Uint8Array): string {
  const path = join(member, 'data.csv');
  writeFileSync(path, bytes, { mode: 0o600 });
  return path;
}

/** Waits until the coordinator answers its operator. */
async function reachable(home: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await withOperator(home, channel => channel.get<RunList>('/v1/runs', signal));
      return;
    } catch (error) {
      if (attempt >= 150 || signal.aborted) throw error;
      await pause(systemClock, 100, signal);
    }
  }
}

/** Waits until the clients of all sites are there: a round may begin with fewer, and they would be left out of several. */
export async function allPresent(
  { clients }: Federation,
  channel: OperatorChannel,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { present } = await channel.get<RunList>('/v1/runs', signal);
    if (present.length >= clients) return;
    if (signal.aborted) throw new Problem('unavailable', 'interrupted');
    await pause(systemClock, 50, signal);
  }
}

/** Asks a child to end, and makes it end after two seconds. */
function end(child: ChildProcess): Promise<void> {
  // Without a number it was never started.
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise(resolve => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
