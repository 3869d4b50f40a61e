/** The quickstart's federation: a fresh home, real enrolment, and one process per party. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../core/protocol/ports.ts';
import { UserError } from '../core/protocol/problem.ts';
import { createFederation, invite } from '../node/authority/federation.ts';
import { join as joinFederation } from '../node/authority/join.ts';
import { systemClock } from '../node/clock.ts';
import type { HeartSite } from '../node/data/find-heart.ts';
import { freePorts } from '../node/free-ports.ts';
import { lockDirectory } from '../node/storage/lock.ts';
import type { RunList } from './operator.ts';
import { withOperator } from './operator.ts';
import type { Progress } from './output.ts';
import { mainEntry } from './package-root.ts';

/** Proves that a folder is ours to delete. */
const marker = 'parley-quickstart';

export interface Federation {
  readonly home: string;
  readonly clients: number;
  /** Rejects when a process ends before it was asked to. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Empties the home of an earlier quickstart. Throws UserError for a folder that is not one, or that is in use. */
export function freshHome(home: string): void {
  if (existsSync(home)) {
    if (readdirSync(home).length > 0 && !existsSync(join(home, marker))) {
      throw new UserError(home, 'is not a folder that the quickstart made', 'Choose another folder with --home.');
    }
    lockDirectory(home, 'a quickstart').release();
    rmSync(home, { recursive: true, force: true });
  }
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, marker), 'Made anew by each run of parley quickstart.\n');
}

/** Creates the federation, starts coordinator, authority and clients, and enrols each client over the network. */
export async function startFederation(
  home: string,
  sites: readonly HeartSite[],
  progress: Progress,
  signal: AbortSignal,
): Promise<Federation> {
  const lock = lockDirectory(home, 'a quickstart');
  const children: ChildProcess[] = [];
  let closing = false;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const start = (name: string, args: string[]): void => {
    const child = spawn(process.execPath, [mainEntry, ...args, '--with-parent'], {
      stdio: ['pipe', 'ignore', 'inherit'],
      // Ctrl-C goes to the whole group of a terminal: only the quickstart answers it, and ends the others.
      detached: process.platform !== 'win32',
    });
    child.once('exit', code => {
      if (!closing) failure.reject(new UserError(name, `ended with exit code ${code}`, `See the logs in ${home}.`));
    });
    children.push(child);
  };
  const close = async (): Promise<void> => {
    closing = true;
    await Promise.all(children.map(end));
    lock.release();
  };
  try {
    const [port, authorityPort] = await freePorts(2);
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
    await Promise.race([reachable(home, signal), failure.promise]);
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

function writeSite(member: string, bytes: Uint8Array): string {
  const path = join(member, 'data.csv');
  writeFileSync(path, bytes, { mode: 0o600 });
  return path;
}

/** Waits until the coordinator answers its operator. */
async function reachable(home: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await withOperator(home, channel => channel.get<RunList>('/v1/runs'));
      return;
    } catch (error) {
      if (attempt >= 150 || signal.aborted) throw error;
      await pause(systemClock, 100, signal);
    }
  }
}

/** Asks a child to end, and makes it end after two seconds. */
function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise(resolve => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
