/** Ports that client and coordinator share: time, large bytes, what the operator is told. The edges fill them. */

/** Time as it passes for this process: real in Node, virtual in the simulator. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `action` once after so many milliseconds; the function returned cancels it. */
  after(milliseconds: number, action: () => void): () => void;
}

/** Resolves after so many milliseconds, or as soon as `signal` aborts. Never rejects. */
export function pause(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Large byte strings by key (`a/b/c`: segments of a–z, 0–9, dot, dash, underscore). What `commit` acknowledged survives a crash. */
export interface Blobs {
  /** Starts a new value; the key shows the old one, or nothing, until `commit` resolves. */
  write(key: string): Promise<BlobWriter>;
  /** The value, or null. The caller must not change it. */
  read(key: string): Promise<Uint8Array | null>;
  /** The value in order, in chunks whose length is a multiple of 4 but for the last; null when absent. */
  stream(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  /**
   * The value for reading anywhere in it, any number of times; null when absent. Close it. A value that is removed or replaced
   * meanwhile stays as it was for this reader.
   */
  open(key: string): Promise<BlobReader | null>;
  /** Keys that begin with the prefix. */
  list(prefix: string): Promise<string[]>;
  /** Removes a value; nothing happens when there is none. */
  remove(key: string): Promise<void>;
}

export interface BlobReader {
  /** Length of the value. */
  readonly bytes: number;
  /**
   * Fills the whole of `target` with the bytes from `position` on. Several reads may be under way at once. Throws RangeError where the
   * value has not so many bytes, TypeError once it is closed.
   */
  read(target: Uint8Array, position: number): Promise<void>;
  /** Gives back what the reader holds. A second call does nothing. */
  close(): Promise<void>;
}

export interface BlobWriter {
  /** Takes the bytes; the caller may reuse the chunk when it resolves. */
  write(chunk: Uint8Array): Promise<void>;
  /** Durable when it resolves. */
  commit(): Promise<void>;
  /** Forgets what was written. */
  abort(): Promise<void>;
}

/** Writes a whole value durably. */
export async function writeBlob(blobs: Blobs, key: string, bytes: Uint8Array): Promise<void> {
  const writer = await blobs.write(key);
  try {
    await writer.write(bytes);
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** A line for the operator: only these fields, never a body, a metric value or a secret. */
export interface LogEvent {
  readonly event: string;
  readonly level?: 'info' | 'warn' | 'error';
  readonly client?: string;
  readonly task?: string;
  readonly round?: number;
  readonly code?: string;
  readonly address?: string;
  readonly detail?: string;
}

export type Log = (event: LogEvent) => void;

/**
 * Names the step just completed. A port without effect in production; kill tests end the process here,
 * the simulator crashes the party here.
 */
export type StepPort = (step: Step) => void | Promise<void>;

/** Every point between two durable effects, in protocol order. */
export const coordinatorSteps = [
  'task-blob',
  'task-stored',
  'round-open',
  'update-verified',
  'update-blob',
  'update-stored',
  'ledger-reserved',
  'history-blobs',
  'round-combined',
  'model-blob',
  'state-blob',
  'aggregate-blob',
  'artifact-blob',
  'round-recorded',
  'ledger-committed',
  'round-swept',
  'evaluation-stored',
  'run-finished',
] as const;

export const clientSteps = [
  'assignment-verified',
  'model-verified',
  'trained',
  'momentum-blob',
  'ledger-reserved',
  'outbox-tensor',
  'outbox-stored',
  'ledger-committed',
  'update-sent',
  'update-acknowledged',
  'evaluated',
  'evaluation-sent',
] as const;

/** Those of a coordinator whose rounds are group sessions (`protection: group`), in protocol order. */
export const groupCoordinatorSteps = [
  'group-members-blob',
  'group-body-blob',
  'group-message-stored',
  'group-step-closed',
  'group-sum-blob',
  'group-recorded',
  'group-round-void',
] as const;

/** Those of a client in a group session (`protection: group`), in protocol order. */
export const groupClientSteps = [
  'group-session-stored',
  'group-keys-sent',
  'group-shares-sent',
  'group-input-sent',
  'group-agreed',
  'group-unmasked',
] as const;

/** Those of a coordinator whose task has coin parties (`protection.coin`), in protocol order. */
export const coinCoordinatorSteps = ['coin-stored', 'coin-cohort', 'coin-dealt'] as const;

/** Those of a coin party, in protocol order. */
export const coinClientSteps = ['coin-memory', 'coin-committed', 'coin-revealed'] as const;

export type Step =
  | (typeof coordinatorSteps)[number]
  | (typeof clientSteps)[number]
  | (typeof groupCoordinatorSteps)[number]
  | (typeof groupClientSteps)[number]
  | (typeof coinCoordinatorSteps)[number]
  | (typeof coinClientSteps)[number];
