/** The parties of a federation inside the process of the test, over real sockets. */

import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import type { MemberPolicy } from '../../src/core/secagg/member-policy.ts';
import { fileTrainers, type OpenTrainer, runClientProcess } from '../../src/node/run-client.ts';
import { type CoordinatorSettings, type RunningCoordinator, runCoordinator } from '../../src/node/run-coordinator.ts';
import type { Enrolled } from './enrolled.ts';

export interface LocalCoordinator extends RunningCoordinator {
  readonly log: readonly LogEvent[];
}

export interface LocalClient {
  readonly log: readonly LogEvent[];
  /** Resolves when the client has ended: the code of the problem that ended it, or null when it was stopped. */
  readonly ended: Promise<string | null>;
  stop(): Promise<void>;
}

/** Starts the coordinator; the stack ends it. */
export async function startCoordinator(
  stack: AsyncDisposableStack,
  enrolled: Enrolled,
  settings: Partial<CoordinatorSettings> = {},
): Promise<LocalCoordinator> {
  const log: LogEvent[] = [];
  const { home, port } = enrolled;
  const running = await runCoordinator({ home, port, host: '127.0.0.1', log: event => log.push(event), ...settings });
  stack.defer(() => running.close());
  return { ...running, log };
}

/** Starts a client, with our own engine unless `open` gives another trainer; the stack ends it. */
export function startClient(
  stack: AsyncDisposableStack,
  enrolled: Enrolled,
  name: string,
  open?: OpenTrainer,
  groupPolicy?: MemberPolicy,
): LocalClient {
  const log: LogEvent[] = [];
  const controller = new AbortController();
  const ended = runClientProcess({
    home: enrolled.memberHome(name),
    log: event => log.push(event),
    trainerFor: fileTrainers(enrolled.tablePath(name), null, open),
    signal: controller.signal,
    groupPolicy,
  }).then(
    () => null,
    error => {
      if (error instanceof Problem) return error.code;
      throw error;
    },
  );
  const client: LocalClient = {
    log,
    ended,
    async stop() {
      controller.abort();
      await ended;
    },
  };
  stack.defer(client.stop);
  return client;
}
