/** The option --threads of commands that train: parley client, parley simulate. */
import { type Command, InvalidArgumentError } from 'commander';
import type { GradientWorkers } from '../core/learning/gradient-workers.ts';
import { startTrainingThreads } from '../node/training/threads.ts';

export interface ThreadsOption {
  threads: number;
}

/** No machine has use for more: a minibatch has a few parts. */
const mostThreads = 256;

export function withThreads(command: Command): Command {
  return command.option(
    '--threads <n>',
    'threads that share the work of large minibatches; the model is the same for any number. A program of --trainer has its own',
    threadCount,
    1,
  );
}

export interface OpenThreads extends AsyncDisposable {
  /** Undefined where the main thread is the only one. */
  readonly workers: GradientWorkers | undefined;
}

/** Starts the threads beside this one; disposing of them ends them. */
export async function trainingThreads(threads: number): Promise<OpenThreads> {
  if (threads === 1) return { workers: undefined, [Symbol.asyncDispose]: async () => undefined };
  const workers = await startTrainingThreads(threads - 1);
  return { workers, [Symbol.asyncDispose]: () => workers.close() };
}

function threadCount(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= mostThreads) return value;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${mostThreads}`);
}
