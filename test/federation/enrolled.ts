/** A federation on the disk: really created, every client really enrolled over the network, nothing running. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFederation, invite } from '../../src/node/authority/federation.ts';
import { federationPaths, memberPaths } from '../../src/node/authority/home.ts';
import { join as joinFederation } from '../../src/node/authority/join.ts';
import { serveAuthority } from '../../src/node/authority/serve.ts';
import { freePorts } from '../../src/node/free-ports.ts';
import { siteTable } from './small-task.ts';

export interface Enrolled {
  readonly folder: string;
  /** The federation's home. */
  readonly home: string;
  /** Port of the coordinator. */
  readonly port: number;
  readonly clients: readonly string[];
  memberHome(client: string): string;
  /** The site's table. */
  tablePath(client: string): string;
}

/** A folder of this test's own, gone after it. */
export function temporaryFolder(t: { after(hook: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Creates a federation in the folder and enrols the clients; the authority runs only meanwhile. */
export async function enrol(folder: string, clients: readonly string[]): Promise<Enrolled> {
  const [port, authorityPort] = await freePorts(2);
  const enrolled = at(folder, port, clients);
  await createFederation(enrolled.home, { federation: 'demo', host: 'localhost', port, authorityPort });
  const authority = await serveAuthority(enrolled.home, { log: () => undefined });
  try {
    for (const client of clients) {
      const { token } = invite(enrolled.home, { name: client, organisation: client, role: 'client', hours: 1 });
      await joinFederation(authority.url, token, enrolled.memberHome(client));
      writeFileSync(enrolled.tablePath(client), siteTable(client));
    }
  } finally {
    await authority.close();
  }
  return enrolled;
}

/** The same federation once more, as it lies on the disk, on a port of its own: for runs beside each other. */
export async function copyOf(enrolled: Enrolled, folder: string): Promise<Enrolled> {
  cpSync(enrolled.folder, folder, { recursive: true, preserveTimestamps: true });
  const [port] = await freePorts(1);
  const copy = at(folder, port, enrolled.clients);
  const { description, coordinator, operator } = federationPaths(copy.home);
  const members = [coordinator, operator, ...copy.clients.map(copy.memberHome)];
  for (const path of [description, ...members.map(home => memberPaths(home).description)]) {
    writeFileSync(path, readFileSync(path, 'utf8').replace(`:${enrolled.port}"`, `:${port}"`));
  }
  return copy;
}

function at(folder: string, port: number, clients: readonly string[]): Enrolled {
  return {
    folder,
    home: join(folder, 'federation'),
    port,
    clients,
    memberHome: client => join(folder, client),
    tablePath: client => join(folder, `${client}.csv`),
  };
}
