/** The operator of a test: submits a task, waits for its end whatever happens to the coordinator meanwhile, reads what came out. */
import { createHash } from 'node:crypto';
import type { RunStatus } from '../../src/coordinator/status.ts';
import type { Run } from '../../src/coordinator/store.ts';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { pause } from '../../src/core/protocol/ports.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import type { Task } from '../../src/core/protocol/task.ts';
import { operatorCredentials } from '../../src/node/authority/own-processes.ts';
import { systemClock } from '../../src/node/clock.ts';
import { type OperatorChannel, openOperatorChannel } from '../../src/node/http/coordinator-channel.ts';
import type { Enrolled } from './enrolled.ts';

/** What a finished run leaves. */
export interface Outcome {
  readonly status: RunStatus;
  /** Hex SHA-256 of the final parameters, as the coordinator names it. */
  readonly model: string;
  /** Hex SHA-256 of the tensors in the published file. */
  readonly tensors: string;
}

export interface Operator {
  submit(task: Task): Promise<string>;
  status(task: string): Promise<RunStatus>;
  /** Waits until these clients listen for work. */
  present(clients: readonly string[]): Promise<void>;
  /** Waits until the run has finished. */
  outcome(task: string): Promise<Outcome>;
  readonly channel: OperatorChannel;
}

/** An operator that asks again when the coordinator is not there; the stack ends that. */
export async function operatorOf(enrolled: Enrolled, stack: AsyncDisposableStack): Promise<Operator> {
  const controller = new AbortController();
  const { signal } = controller;
  const credentials = await operatorCredentials(enrolled.home);
  const channel = openOperatorChannel(`https://localhost:${enrolled.port}`, () => credentials);
  stack.defer(() => {
    controller.abort();
    channel.close();
  });
  const insist = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        if (error instanceof Problem && error.status < 500) throw error;
        await pause(systemClock, 50, signal);
      }
    }
  };
  const operator: Operator = {
    channel,
    submit: async task => (await insist(() => channel.post<Run>('/v1/runs', task))).task,
    status: task => insist(() => channel.get<RunStatus>(`/v1/runs/${task}`, signal)),
    async present(clients) {
      for (;;) {
        const { present } = await insist(() => channel.get<{ present: string[] }>('/v1/runs', signal));
        if (clients.every(client => present.includes(client))) return;
        await pause(systemClock, 5, signal);
      }
    },
    async outcome(task) {
      for (;;) {
        // A short wait: versions begin anew with each life of the coordinator.
        const seen = await operator.status(task);
        if (seen.phase === 'finished') break;
        await insist(() => channel.get(`/v1/runs/${task}?wait=500&after=${seen.version}`, signal));
      }
      const status = await operator.status(task);
      const file = decodeSafetensors(await insist(() => channel.bytes(`/v1/runs/${task}/artifact`)));
      const tensors = createHash('sha256').update(floatsToBytes(file.parameters)).digest('hex');
      return { status, model: status.model, tensors };
    },
  };
  return operator;
}
