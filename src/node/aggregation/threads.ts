/** Worker threads that aggregate: each does chunks of a pass, over rows in files or in shared memory. */
import { chunkedCohort } from '../../core/aggregation/chunked-cohort.ts';
import type { Cohort } from '../../core/aggregation/cohort.ts';
import type { CombinePass } from '../../core/aggregation/passes.ts';
import type { SharedRows } from '../../core/aggregation/row-memory.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { type AnswerMessage, type AskedMessage, startAskedThreads } from '../asked-thread.ts';
import { storageFailure } from '../storage/storage-failure.ts';
import { type Asked, type CohortReply, type CohortRequest, type CohortRows, CohortWorker } from './cohort-worker.ts';
import { dealChunks } from './deal-chunks.ts';
import { closeRows, openRows, RowFailure } from './file-rows.ts';

/** Why a thread could not answer. */
export interface AggregationRefusal {
  readonly message: string;
  /** File and code of the system call that failed, if one did. */
  readonly path: string | null;
  readonly code: string | null;
}
export type AggregationRequest = AskedMessage<CohortRequest>;
export type AggregationAnswer = AnswerMessage<CohortReply, AggregationRefusal>;

export interface AggregationThreads {
  /** Threads beside this one; with none the work is done in this one, which waits for reads. */
  readonly count: number;
  /** True once a thread failed or was closed: passes reject from then on. */
  readonly hasEnded: boolean;
  /**
   * A cohort over files of `length` float32 values each. Once open they may be removed or replaced. Throws Error naming a file that is
   * missing or of another length.
   */
  files(paths: readonly string[], length: number): Promise<Cohort>;
  /** A cohort over rows in shared memory, in place. They must have been made for at least so many workers. */
  shared(rows: SharedRows): Promise<Cohort>;
  /** Ends the threads; passes under way and later ones reject. Close cohorts before. */
  close(): Promise<void>;
}

/** Starts so many threads. They do not keep the process alive. Rejects when one cannot start. */
export async function startAggregationThreads(count: number): Promise<AggregationThreads> {
  // thread.ts in a checkout, thread.js in a package.
  const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js';
  const threads = await startAskedThreads<CohortRequest, CohortReply, AggregationRefusal>(
    count,
    new URL(file, import.meta.url),
    { refused, ended },
  );
  const workers = count === 0 ? [localWorker()] : threads;
  let opened = 0;
  const open = (rowsOf: (worker: number) => CohortRows, rows: number, dispose: () => void): Promise<Cohort> =>
    openCohort(workers, opened++, rowsOf, rows, dispose);
  return {
    count,
    get hasEnded() {
      return threads.some(thread => thread.hasEnded);
    },
    async files(paths, length) {
      const rows = openRows(paths, length);
      const of: CohortRows = { kind: 'files', rows, length, workers: workers.length };
      return open(
        () => of,
        rows.length,
        () => closeRows(rows),
      );
    },
    async shared({ kernels, memory, addresses, length, rooms }) {
      if (rooms.length < workers.length)
        throw new RangeError(`the rows were made for ${rooms.length} workers, there are ${workers.length}`);
      const rowsOf = (worker: number): CohortRows => ({
        kind: 'shared',
        kernels,
        memory,
        addresses,
        length,
        room: rooms[worker],
      });
      return open(rowsOf, addresses.length, () => undefined);
    },
    close: async () => void (await Promise.all(threads.map(thread => thread.close()))),
  };
}

async function openCohort(
  workers: readonly Asked[],
  cohort: number,
  rowsOf: (worker: number) => CohortRows,
  rows: number,
  dispose: () => void,
): Promise<Cohort> {
  let last: Promise<unknown> = Promise.resolve();
  const close = async (): Promise<void> => {
    await last;
    await Promise.allSettled(workers.map(worker => worker.ask({ kind: 'close', cohort })));
    dispose();
  };
  try {
    await Promise.all(workers.map((worker, i) => worker.ask({ kind: 'open', cohort, rows: rowsOf(i) })));
  } catch (error) {
    await close();
    throw error;
  }
  // One pass after the other: a worker has room for one.
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const running = last.then(act);
    last = running.catch(() => undefined);
    return running;
  };
  const { length } = rowsOf(0);
  return chunkedCohort({
    rows,
    length,
    measure: (pass, chunks, take) => inTurn(() => dealChunks(workers, cohort, pass, chunks, take)),
    combine: pass => inTurn(() => combineTogether(workers, cohort, pass, length)),
    close: once(close),
  });
}

/**
 * The workers write into one memory, which is the result, and this thread does nothing meanwhile. Rejects when no worker is at work any
 * more: nobody writes into a result that was handed over.
 */
async function combineTogether(
  workers: readonly Asked[],
  cohort: number,
  pass: CombinePass,
  length: number,
): Promise<Float32Array> {
  const values = new Float32Array(new SharedArrayBuffer(4 * length));
  const next = new Int32Array(new SharedArrayBuffer(4));
  const request = { kind: 'combine', cohort, pass, result: { values, next } } as const;
  const done = await Promise.allSettled(workers.map(worker => worker.ask(request)));
  const failed = done.find(result => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return values;
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null;
  return () => {
    closing ??= close();
    return closing;
  };
}

/** This thread, as a worker. */
function localWorker(): Asked {
  const worker = new CohortWorker();
  return {
    ask: async request => {
      try {
        return await worker.answer(request);
      } catch (error) {
        throw error instanceof RowFailure ? refused(error) : error;
      }
    },
  };
}

/** The error that the refusal of a thread is here. */
function refused({ message, path, code }: AggregationRefusal): Error {
  const error = new Error(message);
  if (path === null || code === null) return error;
  const failure = storageFailure(Object.assign(error, { code }), path);
  // storageFailure gives back an Error for an Error.
  return failure as Error;
}

function ended(what: string, cause?: unknown): Error {
  const remedy = 'Restart this process; with fewer threads it takes less memory.';
  return new UserError('aggregation thread', what, remedy, { cause });
}
