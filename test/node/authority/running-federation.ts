/** A real federation in a temporary folder, with its authority listening on loopback. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LogEvent } from '../../../src/core/protocol/ports.ts';
import { createFederation, type InvitationSettings, invite } from '../../../src/node/authority/federation.ts';
import { federationPaths } from '../../../src/node/authority/home.ts';
import { join as joinFederation } from '../../../src/node/authority/join.ts';
import { serveAuthority } from '../../../src/node/authority/serve.ts';
import type { Credentials } from '../../../src/node/pki/credentials.ts';

export interface RunningFederation {
  readonly folder: string;
  /** The federation's home. */
  readonly home: string;
  readonly url: string;
  readonly log: LogEvent[];
  readonly paths: ReturnType<typeof federationPaths>;
  invite(name: string, settings?: Partial<InvitationSettings>, nowMs?: number): string;
  /** Invites and joins; the member's home is `memberHome(name)`. */
  member(name: string): Promise<Credentials>;
  memberHome(name: string): string;
  close(): Promise<void>;
}

export async function temporaryFolder(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function runFederation(t: Pick<TestContext, 'after'>, federation = 'demo'): Promise<RunningFederation> {
  const folder = await temporaryFolder(t);
  const home = join(folder, 'federation');
  const [port, authorityPort] = await freePorts();
  await createFederation(home, { federation, host: 'localhost', port, authorityPort });
  const log: LogEvent[] = [];
  const authority = await serveAuthority(home, { log: event => log.push(event) });
  t.after(authority.close);
  const running: RunningFederation = {
    folder,
    home,
    url: authority.url,
    log,
    paths: federationPaths(home),
    invite: (name, settings, nowMs) =>
      invite(home, { name, organisation: `${name}-hospital`, role: 'client', hours: 1, ...settings }, nowMs).token,
    member: name => joinFederation(authority.url, running.invite(name), running.memberHome(name)),
    memberHome: name => join(folder, name),
    close: authority.close,
  };
  return running;
}

/** Two ports that were free a moment ago. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return [ports[0], ports[1]];
}

/** The code of the Problem that `action` throws or rejects with, or a word for anything else. */
export async function problemCode(action: () => unknown): Promise<string> {
  try {
    await action();
    return 'accepted';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : `${error}`;
  }
}
