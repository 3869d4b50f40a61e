/** The parties of a federation as processes of their own, which can be killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogEvent, Step } from '../../src/core/protocol/ports.ts';
import type { Enrolled } from './enrolled.ts';

/** Where a process ends itself: at the nth time, counted from its start, that it has completed the step. */
export interface Death {
  readonly step: Step;
  readonly nth: number;
}

/** What an entry script is told in its first argument. */
export interface Orders {
  readonly home: string;
  readonly death: Death | null;
  /** Client: its table. */
  readonly table: string;
  /** Coordinator: its port. */
  readonly port: number;
  readonly handshakeTimeoutMs?: number;
  readonly bodyGraceMs?: number;
  readonly idleTimeoutMs?: number;
}

/** What an entry script tells. */
export type Report = { readonly log: LogEvent } | { readonly ready: true } | { readonly failed: string };

export interface Started {
  readonly child: ChildProcess;
  /** Resolves when the process has ended: the signal that ended it, or null. */
  readonly ended: Promise<NodeJS.Signals | null>;
}

/** Half of a start is compiling: what one process compiled, the next ones read. */
const compiled = mkdtempSync(join(tmpdir(), 'parley-test-compiled-'));
process.once('exit', () => rmSync(compiled, { recursive: true, force: true }));

/** Starts the coordinator, or the client of this name. `onReport` gets what it tells. */
export function startProcess(
  enrolled: Enrolled,
  party: string,
  onReport: (report: Report) => void,
  orders: Partial<Orders> = {},
): Started {
  const coordinator = party === 'coordinator';
  const entry = join(import.meta.dirname, coordinator ? 'coordinator-process.ts' : 'client-process.ts');
  const full: Orders = {
    home: coordinator ? enrolled.home : enrolled.memberHome(party),
    table: coordinator ? '' : enrolled.tablePath(party),
    port: enrolled.port,
    death: null,
    ...orders,
  };
  const child = fork(entry, [JSON.stringify(full)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });
  child.on('message', (report: Report) => onReport(report));
  return { child, ended: once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null) };
}
