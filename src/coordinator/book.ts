/** The book: the runs as they stand, in memory and in the store, and the one that is loaded. */

import { decodeCbor } from '../core/bytes/cbor.ts';
import { bytesToFloats, fromHex, toHex } from '../core/bytes/floats.ts';
import { taskManifest } from '../core/learning/model.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import { Problem } from '../core/protocol/problem.ts';
import { parseTask, type Task } from '../core/protocol/task.ts';
import type { GroupState } from '../core/secagg/group-state.ts';
import type { Fold } from './fold.ts';
import type { CoordinatorPorts } from './ports.ts';
import { Presence } from './presence.ts';
import { modelKey, taskKey } from './round.ts';
import { isActive } from './run.ts';
import type { Charged, Combined } from './stages.ts';
import type { Run, Write } from './store.ts';
import type { Member } from './verify.ts';

/** What the coordinator holds of the run under way beside its record. */
export interface Loaded {
  run: Run;
  readonly task: Task;
  readonly taskHash: Uint8Array;
  readonly manifest: Manifest;
  /** Current global parameters. */
  parameters: Float32Array;
  /** The running sum of the open round; null before its first update, and after a failure. */
  fold: Fold | null;
  /**
   * What a round was combined to that could not be recorded yet (a full disk), and the run it was made of: tried again as it is, because
   * new noise would have to be paid for again. Null else.
   */
  pending: { readonly of: Run; readonly combined: Combined } | null;
  /** A round that was charged and could not be combined yet (a disk that does not answer): nothing of it has left, so it is not charged anew. */
  charged: { readonly of: Run; readonly charged: Charged } | null;
  /** How many clients are there for the first set of groups, and when nobody else is waited for, ms since the epoch; null when nobody is. */
  settling: { readonly clients: number; readonly untilMs: number } | null;
  /** When a final evaluation for which no group comes together is given up, ms since the epoch; null before anybody waits for it. */
  givesUpAt: number | null;
  /** Until when a draw waits for coin parties that are not there, ms since the epoch; null when it waits for none. */
  partiesUntil: number | null;
  /** The machines of the open round's groups, one for each; null until they are needed. Their messages are in the store. */
  sessions: { readonly round: number; readonly members: SessionMembers; readonly states: GroupState[] } | null;
  /** Why the rule refused what had arrived, and a name of that; null when it has refused nothing in this process. */
  refusal: { readonly of: string; readonly why: string } | null;
}

/** A member of the federation that has shown its certificate to this process. */
export interface Registered extends Member {
  /** The certificate, DER. */
  readonly document: Uint8Array;
}

/** Everybody that was dealt into the groups of a round, by name. */
export type SessionMembers = ReadonlyMap<string, Registered>;

export class Book {
  readonly ports: CoordinatorPorts;
  readonly presence: Presence;
  /** By name. */
  readonly members = new Map<string, Registered>();
  /** The run under way, or null. */
  active: Loaded | null = null;
  /** The round of groups that ended last: its members may still ask how. In memory only. */
  ended: { readonly run: Run; readonly taskHash: Uint8Array; readonly members: SessionMembers } | null = null;
  readonly #runs = new Map<string, Run>();
  readonly #declined = new Map<string, Set<string>>();
  #version = 0;

  constructor(ports: CoordinatorPorts, runs: readonly Run[]) {
    this.ports = ports;
    this.presence = new Presence(ports.clock);
    for (const run of runs) this.#runs.set(run.task, run);
  }

  /** Grows with every change, from 0 in each process. */
  get version(): number {
    return this.#version;
  }

  get(task: string): Run | undefined {
    return this.#runs.get(task);
  }

  /** All runs, oldest first. */
  runs(): Run[] {
    return [...this.#runs.values()].sort((a, b) => a.order - b.order);
  }

  /** Clients that said they cannot take part in a run; not asked again before they introduce themselves anew or a round misses its quorum. */
  declined(task: string): readonly string[] {
    return [...(this.#declined.get(task) ?? [])];
  }

  /** Notes that a client cannot take part in a run. In memory only: a restarted coordinator asks again. */
  decline(task: string, client: string): void {
    const clients = this.#declined.get(task) ?? new Set();
    this.#declined.set(task, clients.add(client));
  }

  /** Forgets who cannot take part in a run: everyone may be asked again. */
  forgive(task: string): void {
    this.#declined.delete(task);
  }

  /** A client has introduced itself anew: what it said before it could not do, it may be able to do now. */
  welcome(client: string): void {
    for (const clients of this.#declined.values()) clients.delete(client);
  }

  /** Writes the run and whatever belongs to the same transition, atomically, then tells everyone who waits. */
  async commit(run: Run, writes: readonly Write[] = []): Promise<void> {
    await this.ports.store.commit([...writes, { put: 'run', run }]);
    this.remember(run);
  }

  /** Something has changed that is not in the run. */
  touch(): void {
    this.#version++;
    this.presence.wake();
  }

  /** Takes over a run that is in the store already. */
  remember(run: Run): void {
    this.#runs.set(run.task, run);
    if (this.active?.run.task === run.task) this.active.run = run;
    this.touch();
  }

  /** Loads the run under way, or the oldest queued one; null when there is none. Throws Error when its blobs are damaged. */
  async load(): Promise<Loaded | null> {
    const run = this.runs().find(isActive) ?? this.runs().find(r => r.phase === 'queued');
    if (run === undefined) return null;
    const task = await this.#readTask(run.task);
    const bytes = await this.ports.blobs.read(modelKey(run.task, run.round));
    if (bytes === null) throw new Error(`the model of round ${run.round} of ${run.task} is missing from storage`);
    if (toHex(this.ports.primitives.sha256(bytes)) !== run.model) {
      throw new Error(`the stored model of round ${run.round} of ${run.task} is damaged`);
    }
    this.active = {
      run,
      task,
      taskHash: fromHex(run.task),
      manifest: manifestOf(task),
      parameters: bytesToFloats(bytes),
      fold: null,
      pending: null,
      charged: null,
      settling: null,
      givesUpAt: null,
      partiesUntil: null,
      sessions: null,
      refusal: null,
    };
    return this.active;
  }

  /** Canonical bytes of a task. Throws Problem `not-found`. */
  async taskBytes(id: string): Promise<Uint8Array> {
    const bytes = this.#runs.has(id) ? await this.ports.blobs.read(taskKey(id)) : null;
    if (bytes === null) throw new Problem('not-found', 'no such task');
    return bytes;
  }

  async #readTask(id: string): Promise<Task> {
    // The bytes were written by encodeTask: a label, then the task.
    return parseTask((decodeCbor(await this.taskBytes(id)) as unknown[])[1]);
  }
}

/** The tensors of a task's model. */
export function manifestOf(task: Task): Manifest {
  return taskManifest(task);
}
