/** Entry point of a coordinator that tests start, watch and kill. */
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { runCoordinator } from '../../src/node/run-coordinator.ts';
import { orders, parentGone, step, tell } from './orders.ts';

try {
  const { home, port, handshakeTimeoutMs, bodyGraceMs, idleTimeoutMs } = orders;
  const log = (event: LogEvent): void => tell({ log: event });
  const running = await runCoordinator({
    home,
    host: '127.0.0.1',
    port,
    log,
    step,
    handshakeTimeoutMs,
    bodyGraceMs,
    idleTimeoutMs,
  });
  parentGone.addEventListener('abort', () => void running.close().then(() => process.exit()));
  tell({ ready: true });
} catch (error) {
  tell({ failed: String(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
