/** Suite `rounds`: rounds per second of a deployed federation, seconds per round of a simulated one; training excluded. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { follow } from '../src/cli/follow.ts';
import { withOperator } from '../src/cli/operator.ts';
import { mainEntry } from '../src/cli/package-root.ts';
import type { Run } from '../src/coordinator/store.ts';
import { createFederation, invite } from '../src/node/authority/federation.ts';
import { join as joinFederation } from '../src/node/authority/join.ts';
import { freePorts } from '../src/node/free-ports.ts';
import { type BenchResult, finished, summarise } from './harness.ts';
import { simulatedRounds } from './rounds-simulated.ts';
import { sizedTask, type sizes } from './rounds-task.ts';

const runs = 3;

export async function rounds(): Promise<BenchResult[]> {
  const deployed = await withFederation(2, async federation => [
    ...(await measured(federation, '1k', 300)),
    ...(await measured(federation, '1m', 30)),
  ]);
  return [...deployed, ...(await simulatedRounds())];
}

interface Federation {
  readonly home: string;
  readonly coordinator: ChildProcess;
  readonly clients: number;
}

async function measured(federation: Federation, size: keyof typeof sizes, count: number): Promise<BenchResult[]> {
  const rates: number[] = [];
  // One run to warm up, not counted.
  for (let seed = 0; seed <= runs; seed++) {
    const task = sizedTask(size, { rounds: seed === 0 ? 10 : count, clients: federation.clients, seed });
    const milliseconds = await withOperator(federation.home, async channel => {
      const run = await channel.post<Run>('/v1/runs', task);
      const silent = { status: () => undefined, line: () => undefined, end: () => undefined };
      return (await follow(channel, run.task, silent, new AbortController().signal)).milliseconds;
    });
    if (seed > 0) rates.push((1000 * count) / milliseconds);
  }
  const name = `deployed.${federation.clients}x${size}`;
  return [
    summarise(name, 'rounds/s', rates),
    finished({ name: `${name}.coordinator-rss`, value: peakMegabytes(federation.coordinator), unit: 'MB', runs: 1 }),
  ];
}

/** Largest resident set of a process so far; NaN where the system does not tell. */
function peakMegabytes(child: ChildProcess): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1000;
  } catch {
    return Number.NaN;
  }
}

/** A federation of separate processes over mutual TLS on loopback. */
async function withFederation<T>(clients: number, action: (federation: Federation) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const children: ChildProcess[] = [];
  const start = (args: string[]): ChildProcess => {
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'] });
    children.push(child);
    return child;
  };
  try {
    const [port, authorityPort] = await freePorts(2);
    const { authorityUrl } = await createFederation(home, {
      federation: 'bench',
      host: 'localhost',
      port,
      authorityPort,
    });
    const main = mainEntry;
    const log = join(home, 'coordinator.log');
    const coordinator = start([main, 'coordinator', '--home', home, '--log', log, '--with-parent']);
    for (let i = 1; i <= clients; i++) {
      const member = join(home, 'clients', `client-${i}`);
      const { token } = invite(home, { name: `client-${i}`, organisation: `client-${i}`, role: 'client', hours: 1 });
      await retry(() => joinFederation(authorityUrl, token, member));
      start([
        join(import.meta.dirname, import.meta.url.endsWith('.ts') ? 'rounds-client.ts' : 'rounds-client.js'),
        member,
        String(i / 1000),
      ]);
    }
    return await action({ home, coordinator, clients });
  } finally {
    for (const child of children) child.kill('SIGTERM');
    await Promise.all(children.map(child => child.exitCode ?? new Promise(resolve => child.once('exit', resolve))));
    rmSync(home, { recursive: true, force: true });
  }
}

/** The authority needs a moment to listen. */
async function retry<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (attempt >= 100) throw error;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}
