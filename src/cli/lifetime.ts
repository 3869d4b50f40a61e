/** How long a command lives: until SIGINT or SIGTERM, or with its parent. */
import type { Socket } from 'node:net';

/**
 * A signal that aborts at SIGINT, SIGTERM or SIGHUP, and, with `withParent`, when standard input closes: a child started with a
 * pipe there ends with its parent however that ends. A second SIGINT ends the process at once.
 */
export function untilStopped(withParent = false): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    // An open standard input would keep the process alive.
    if (withParent) process.stdin.destroy();
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => (controller.signal.aborted ? process.exit(130) : stop()));
  }
  if (withParent) {
    process.stdin.once('end', stop).once('close', stop).once('error', stop).resume();
    // Waiting for the parent alone must not keep alive a command that has failed. A file has no `unref`.
    (process.stdin as Partial<Pick<Socket, 'unref'>>).unref?.();
  }
  return controller.signal;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
