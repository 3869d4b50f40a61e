/** Worker threads that share the training of one process. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { GradientWorkers, WorkerReply, WorkerRequest } from '../../core/learning/gradient-workers.ts';
import { TrainerFailure } from '../../core/learning/trainer-failure.ts';

/** What a thread is sent, and what it sends back. */
export interface ThreadRequest {
  readonly id: number;
  readonly request: WorkerRequest;
}
export type ThreadReply =
  | { readonly id: number; readonly reply: WorkerReply }
  | { readonly id: number; readonly error: string };

export interface TrainingThreads extends GradientWorkers {
  /** Ends the threads; what is asked afterwards is refused. */
  close(): Promise<void>;
}

/** Starts so many threads beside this one. They do not keep the process alive. Rejects when one cannot start. */
export async function startTrainingThreads(count: number): Promise<TrainingThreads> {
  const threads = Array.from({ length: count }, () => new Thread());
  const close = async () => void (await Promise.all(threads.map(thread => thread.close())));
  try {
    await Promise.all(threads.map(thread => thread.online));
  } catch (error) {
    await close();
    throw error;
  }
  return { count, ask: (worker, request) => threads[worker].ask(request), close };
}

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (reply: WorkerReply) => void; reject: (cause: Error) => void }>();
  readonly online: Promise<unknown>;
  #asked = 0;
  #failure: Error | null = null;

  constructor() {
    // thread.ts in a checkout, thread.js in a package.
    const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js';
    this.#worker = new Worker(new URL(file, import.meta.url), { execArgv: [] });
    this.online = once(this.#worker, 'online');
    this.#worker.on('message', (message: ThreadReply) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('error' in message) waiting?.reject(failure(message.error));
      else waiting?.resolve(message.reply);
      if (this.#waiting.size === 0) this.#worker.unref();
    });
    this.#worker.on('error', cause => this.#fail(failure('failed', cause)));
    this.#worker.on('exit', () => this.#fail(failure('has ended')));
    this.online.then(
      () => this.#waiting.size === 0 && this.#worker.unref(),
      () => undefined,
    );
  }

  ask(request: WorkerRequest): Promise<WorkerReply> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, request } satisfies ThreadRequest);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(cause: Error): void {
    this.#failure ??= cause;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

/** It costs the client its round, which is told at once: nobody waits for the deadline. */
function failure(what: string, cause?: unknown): TrainerFailure {
  const remedy = 'Restart this process; with --threads 1, or smaller minibatches, it takes less memory.';
  return new TrainerFailure('training thread', what, remedy, { cause });
}
