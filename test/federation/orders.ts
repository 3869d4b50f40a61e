/** What both entry scripts do: read their orders, tell their parent, end with it, and die where they are told to. */
import { flushCompileCache } from 'node:module';
import type { Step, StepPort } from '../../src/core/protocol/ports.ts';
import type { Orders, Report } from './process.ts';

export const orders: Orders = JSON.parse(process.argv[2]);

export function tell(report: Report): void {
  if (process.connected) process.send?.(report, undefined, undefined, () => undefined);
}

/** Keeps what was compiled for the next start: a killed process would not. */
setImmediate(flushCompileCache);

const seen = new Map<Step, number>();

/** Ends this process as a power failure would, at the step that the orders name. */
export const step: StepPort = name => {
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  if (orders.death?.step === name && orders.death.nth === count) process.kill(process.pid, 'SIGKILL');
};

/** Aborts when the parent has ended. */
export const parentGone: AbortSignal = (() => {
  const controller = new AbortController();
  process.once('disconnect', () => controller.abort());
  return controller.signal;
})();
