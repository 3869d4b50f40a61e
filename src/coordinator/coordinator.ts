/** The coordinator: the one door to the runs. Knows no HTTP; transitions happen one at a time. */
import { floatsToBytes, fromHex, toHex } from '../core/bytes/floats.ts';
import type { Envelope } from '../core/crypto/envelope.ts';
import { taskParameters } from '../core/learning/model.ts';
import { planOfTask } from '../core/privacy/plan.ts';
import { toldNoise } from '../core/privacy/round-noise.ts';
import { type Assignment, encodePayload, labels, type UpdateBody } from '../core/protocol/message.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { encodeTask, initialSeed, parseTask } from '../core/protocol/task.ts';
import { coinLabels } from '../core/secagg/coin-message.ts';
import { Book, type Loaded, type Registered } from './book.ts';
import { seenReleases, writesOf } from './budget.ts';
import { takeCoinMessage } from './coin-inbox.ts';
import { conduct, writeArtifact } from './conduct.ts';
import { answerLabels, coinAskFor, tossDueAt } from './group-coin.ts';
import { mostAttached, takeGroupMessage } from './group-inbox.ts';
import { without } from './group-record.ts';
import { depart } from './group-session.ts';
import { groupsNow } from './group-status.ts';
import { assignedGroup, tellMember } from './group-telling.ts';
import { serialSetting, signAsCoordinator, takeDecline, takeEvaluation, takeUpdate } from './inbox.ts';
import type { CoordinatorPorts } from './ports.ts';
import { artifactKey, modelKey, taskKey } from './round.ts';
import { answered, asksEvaluation, combinedRounds, isActive, queued } from './run.ts';
import { Serial } from './serial.ts';
import { type RunStatus, runStatus } from './status.ts';
import type { Run } from './store.ts';
import { sweep } from './sweep.ts';

/** A transition that failed is tried again after so long. */
const retryMs = 1000;

export class Coordinator {
  readonly #ports: CoordinatorPorts;
  readonly #book: Book;
  readonly #serial = new Serial();
  #cancelDeadline: () => void = () => undefined;
  #closed = false;
  /** Why the transition that is due could not be taken; null when the last one could. */
  #failure: string | null = null;

  private constructor(ports: CoordinatorPorts, runs: readonly Run[]) {
    this.#ports = ports;
    this.#book = new Book(ports, runs);
  }

  /** Reads what the store holds and takes up the run that was under way. Throws Problem when the state is another federation's. */
  static async open(ports: CoordinatorPorts): Promise<Coordinator> {
    const owner = await ports.store.setting('federation');
    if (owner === null) await ports.store.commit([{ put: 'setting', name: 'federation', value: ports.federation }]);
    else if (owner !== ports.federation) throw new Problem('wrong-federation', `this state belongs to ${owner}`);
    const coordinator = new Coordinator(ports, await ports.store.runs());
    // What a crash left behind of runs that were over.
    for (const run of coordinator.#book.runs()) {
      if (run.phase === 'finished' || run.phase === 'stopped') await sweep(coordinator.#book, run);
    }
    // Whoever was revoked while no coordinator ran.
    await coordinator.pardonRevoked();
    return coordinator;
  }

  /** Stops timers and wakes those who wait. What is stored stays as it is. */
  close(): void {
    this.#closed = true;
    this.#cancelDeadline();
    this.#book.presence.wake();
  }

  /** Registers a client by its update certificate; needed once per process before its messages are read. Throws Problem. */
  register(client: string, certificate: Uint8Array): void {
    const member = this.#ports.verifyCertificate(certificate);
    if (member.role !== 'client' || member.name !== client) throw new Problem('wrong-sender');
    const { name, publicKey, serial } = member;
    this.#book.members.set(client, { name, certificate: member.certificate, publicKey, serial, document: certificate });
    this.#book.welcome(client);
  }

  /** Forgets a revoked client: it is not waited for, not asked, and its messages are refused. */
  async forget(client: string): Promise<void> {
    this.#book.members.delete(client);
    this.#book.presence.forget(client);
    await this.#exclusively(async () => {
      const run = this.#book.active?.run;
      if (run === undefined) return;
      const isAwaited = run.cohort?.includes(client) === true && !answered(run).has(client);
      if (!isAwaited && !run.offenders.includes(client)) return;
      const refused = isAwaited ? [...run.refused, client] : run.refused;
      const offenders = run.offenders.filter(offender => offender !== client);
      await this.#book.commit({ ...without(run, client), refused, offenders });
      depart(this.#book, client);
    });
  }

  /** Counts revoked clients off the offenders of the round under way, also those that this process has never seen. */
  async pardonRevoked(): Promise<void> {
    await this.#exclusively(async () => {
      const run = this.#book.runs().find(isActive);
      if (run === undefined || run.offenders.length === 0) return;
      const { store, isRevoked } = this.#ports;
      const offenders: string[] = [];
      for (const client of run.offenders) {
        const serial = await store.setting(serialSetting(client));
        if (serial === null || !isRevoked(serial)) offenders.push(client);
      }
      if (offenders.length < run.offenders.length) await this.#book.commit({ ...run, offenders });
    });
  }

  /** Stores a task and queues its run. The same task again is the same run. Throws TaskError. */
  async submit(value: unknown): Promise<Run> {
    const task = parseTask(value);
    const bytes = encodeTask(task);
    const id = toHex(this.#ports.primitives.sha256(bytes));
    await this.#exclusively(async () => {
      if (this.#book.get(id) !== undefined) return;
      const { primitives, blobs, clock } = this.#ports;
      const seed = primitives.sha256(initialSeed(task));
      const parameters = taskParameters(task, seed);
      await writeBlob(blobs, taskKey(id), bytes);
      await writeBlob(blobs, modelKey(id, 1), floatsToBytes(parameters));
      await this.#ports.step('task-blob');
      const run = queued({
        id,
        task,
        model: toHex(primitives.sha256(floatsToBytes(parameters))),
        parameters: parameters.length,
        order: this.#book.runs().length,
        nowMs: clock.now(),
      });
      await this.#book.commit(run);
      await this.#ports.step('task-stored');
      this.#ports.log({ event: 'task-submitted', task: id, detail: task.name });
    });
    return this.#run(id);
  }

  /** Ends a run; the model of its last closed round stays. Throws Problem `not-found`. */
  async stop(task: string): Promise<Run> {
    await this.#exclusively(async () => {
      const run = this.#run(task);
      if (!isActive(run) && run.phase !== 'queued') return;
      const { active } = this.#book;
      const loaded = active?.run.task === task ? active : null;
      const seen = loaded === null ? [] : seenReleases(loaded);
      if (loaded !== null && combinedRounds(run) > 0) await writeArtifact(this.#book, loaded, seen);
      const end = {
        phase: 'stopped',
        cohort: null,
        groups: null,
        deadlineAt: null,
        finishedAt: this.#ports.clock.now(),
      } as const;
      await this.#book.commit({ ...run, ...end }, writesOf(seen));
      if (loaded !== null) this.#book.active = null;
      await sweep(this.#book, this.#run(task));
      this.#ports.log({ event: 'run-stopped', task });
    });
    return this.#run(task);
  }

  /** The signed assignment of a client, as soon as there is one; null after `waitMs` without. Throws Problem. */
  async nextAssignment(client: string, waitMs: number, signal?: AbortSignal): Promise<Envelope | null> {
    this.#member(client);
    return this.#whilePresent(client, async () => {
      if (this.#book.active?.run.cohort === null) await this.#exclusively(async () => undefined);
      return this.#waitFor(() => this.#assignmentOf(client), waitMs, signal);
    });
  }

  /** Canonical bytes of a task. Throws Problem `not-found`. */
  task(id: string): Promise<Uint8Array> {
    return this.#book.taskBytes(id);
  }

  /** Current global parameters of the run under way, as bytes. Throws Problem `not-found`, `wrong-round`. */
  model(id: string, round: number): Uint8Array {
    const { active } = this.#book;
    if (active === null || active.run.task !== id) throw new Problem('not-found', 'this run is not active');
    if (active.run.round !== round) throw new Problem('wrong-round');
    return floatsToBytes(active.parameters);
  }

  /** Length of the tensor an update of this run carries. Throws Problem `not-found`. */
  tensorBytes(id: string): number {
    return 4 * this.#run(id).parameters;
  }

  /** Takes an update; resolves with the signed receipt. Throws Problem. */
  async receiveUpdate(client: string, body: UpdateBody): Promise<Envelope> {
    const member = this.#member(client);
    return this.#whilePresent(client, () => takeUpdate(this.#book, this.#exclusively, member, body));
  }

  /** Takes a message of a member of a group and what follows it, or of a coin party; resolves with the signed receipt. Throws Problem. */
  async receiveGroup(client: string, body: UpdateBody): Promise<Envelope> {
    const member = this.#member(client);
    return this.#whilePresent(client, () => {
      const { envelope } = body;
      if (answerLabels.includes(envelope.label))
        return takeCoinMessage(this.#book, this.#exclusively, member, envelope);
      return takeGroupMessage(this.#book, this.#exclusively, member, body);
    });
  }

  /** The longest that may follow a message of a group in this run's open round, bytes. Throws Problem `not-found`. */
  attachedBytes(id: string): number {
    return mostAttached(this.#run(id));
  }

  /**
   * What a member of a group is told after the message with the label `after` (at first `group-manifest`, its assignment), as soon as there
   * is something; null after `waitMs` without. Throws Problem, `round-closed` when the session is no more.
   */
  async nextGroup(
    client: string,
    at: { readonly task: string; readonly round: number; readonly after: string },
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<Envelope | null> {
    this.#member(client);
    return this.#whilePresent(client, () => this.#waitFor(() => tellMember(this.#book, client, at), waitMs, signal));
  }

  /** Takes a client's evaluation of the final model; resolves with the signed receipt. Throws Problem. */
  async receiveEvaluation(client: string, envelope: Envelope): Promise<Envelope> {
    const member = this.#member(client);
    return this.#whilePresent(client, () => takeEvaluation(this.#book, this.#exclusively, member, envelope));
  }

  /** Takes a client's word that it cannot take part: the round goes on without it, at once. Throws Problem. */
  async receiveDecline(client: string, envelope: Envelope): Promise<void> {
    const member = this.#member(client);
    await this.#whilePresent(client, () => takeDecline(this.#book, this.#exclusively, member, envelope));
  }

  /** All runs, oldest first, without what single clients reported. */
  runs(): Run[] {
    return this.#book.runs().map(run => ({ ...run, received: [], evaluations: [] }));
  }

  /** Names of the clients that listen now. */
  present(): string[] {
    return this.#book.presence.present();
  }

  /**
   * What an operator sees of a run; waits for a change beyond version `after` for at most `waitMs`. Reports of rounds up to
   * `sinceRound` are left out. Throws Problem `not-found`.
   */
  async status(
    id: string,
    options: { after: number; waitMs: number; sinceRound: number; signal?: AbortSignal },
  ): Promise<RunStatus> {
    const { after, waitMs, sinceRound, signal } = options;
    const { clock, store } = this.#ports;
    const until = clock.now() + waitMs;
    while (this.#book.version <= after && clock.now() < until && !signal?.aborted && !this.#closed) {
      await this.#book.presence.change(Math.max(1, until - clock.now()), signal);
    }
    const run = this.#run(id);
    const [reports, refusals] = await Promise.all([store.rounds(id, sinceRound), store.refusals(id)]);
    const { active } = this.#book;
    const isActive = active?.run.task === id;
    const minimum = isActive ? active.task.cohort.minimum : null;
    const known = runStatus(run, reports, refusals, this.present(), this.#book.version, clock.now(), minimum);
    const status = isActive ? { ...known, ...groupsNow(this.#book, active, known.waiting) } : known;
    if (this.#failure === null || active?.run.task !== id) return status;
    return { ...status, waiting: `because the coordinator fails and tries again: ${this.#failure}` };
  }

  /** The published model file of a finished or stopped run. Throws Problem `not-found`. */
  async artifact(id: string): Promise<Uint8Array> {
    const bytes = await this.#ports.blobs.read(artifactKey(id));
    if (bytes === null) throw new Problem('not-found', 'this run has not published a model yet');
    return bytes;
  }

  #run(id: string): Run {
    const run = this.#book.get(id);
    if (run === undefined) throw new Problem('not-found', 'no such run');
    return run;
  }

  #member(client: string): Registered {
    const member = this.#book.members.get(client);
    if (member === undefined) throw new Problem('unauthenticated', 'register the update certificate first');
    return member;
  }

  /** Whoever sends is present, however long it trained before: its answer may open the next round. */
  async #whilePresent<T>(client: string, action: () => Promise<T>): Promise<T> {
    const leave = this.#book.presence.arrive(client);
    try {
      return await action();
    } finally {
      leave();
    }
  }

  /** What `find` gives, as soon as it gives something; null after `waitMs` without. */
  async #waitFor<T>(find: () => T | null, waitMs: number, signal?: AbortSignal): Promise<T | null> {
    const { clock } = this.#ports;
    const until = clock.now() + waitMs;
    for (;;) {
      const found = find();
      if (found !== null) return found;
      const left = Math.min(until - clock.now(), waitMs);
      if (left <= 0 || signal?.aborted || this.#closed) return null;
      await this.#book.presence.change(left, signal);
    }
  }

  #assignmentOf(client: string): Envelope | null {
    const { active } = this.#book;
    if (active === null) return null;
    const { run, task } = active;
    if (run.cohort === null) {
      const ask = coinAskFor(active, client);
      return ask && signAsCoordinator(this.#book, coinLabels.ask, active.taskHash, run.round, ask);
    }
    if (!run.cohort.includes(client) || answered(run).has(client)) return null;
    const group = run.groups === null ? null : assignedGroup(active, client);
    if (run.groups !== null && group === null) return null;
    const assignment: Assignment = {
      kind: run.phase === 'evaluating' ? 'evaluate' : 'train',
      model: fromHex(run.model),
      parameters: run.parameters,
      evaluate: asksEvaluation(run, task),
      remainingMs: Math.max(0, (run.deadlineAt ?? 0) - this.#ports.clock.now()),
      cohort: run.cohort.length,
      ...this.#noiseOf(active),
      group,
    };
    return signAsCoordinator(this.#book, labels.assignment, active.taskHash, run.round, encodePayload(assignment));
  }

  /** What a client has to be told of a private round: no more than what the task leaves open. */
  #noiseOf({ run, task }: Loaded): Pick<Assignment, 'noiseMultiplier' | 'clipNorm'> {
    const plan = planOfTask(task);
    if (plan === null || run.privacy === null) return { noiseMultiplier: null, clipNorm: null };
    return toldNoise(plan, run.privacy.noise);
  }

  /** Runs an action after all earlier ones, then every transition that has become due. */
  readonly #exclusively = <T>(action: () => Promise<T>): Promise<T> =>
    this.#serial.run(async () => {
      const result = await action();
      try {
        while (!this.#closed && (await conduct(this.#book)));
        this.#failure = null;
      } catch (error) {
        this.#failure = failureText(error);
        // What was due stays due: a disk that was full may have room again.
        this.#wakeAfter(retryMs);
        throw error;
      }
      const deadlineAt = this.#dueAt();
      // At most an hour ahead: a clock that jumps is noticed soon.
      if (deadlineAt === null) this.#cancelDeadline();
      else this.#wakeAfter(Math.min(Math.max(0, deadlineAt - this.#ports.clock.now()), 3_600_000));
      return result;
    });

  /** When a transition may become due by itself, ms since the epoch. */
  #dueAt(): number | null {
    const { active } = this.#book;
    if (active === null) return null;
    const { run, settling, givesUpAt } = active;
    if (run.deadlineAt !== null) return run.deadlineAt;
    const waits = run.cohort === null ? [settling?.untilMs ?? [], givesUpAt ?? [], tossDueAt(active) ?? []].flat() : [];
    const nowMs = this.#ports.clock.now();
    // What is past has had its turn, and waits for something else.
    return waits.length === 0 ? null : Math.min(...waits.map(ms => (ms > nowMs ? ms : nowMs + retryMs)));
  }

  #wakeAfter(milliseconds: number): void {
    this.#cancelDeadline();
    if (this.#closed) return;
    this.#cancelDeadline = this.#ports.clock.after(milliseconds, () => {
      this.#exclusively(async () => undefined).catch(error => {
        this.#ports.log({ event: 'failed', level: 'error', detail: failureText(error) });
      });
    });
  }
}

function failureText(error: unknown): string {
  if (error instanceof UserError || error instanceof Problem) return `${error.message} → ${error.remedy}`;
  return error instanceof Error ? error.message : String(error);
}
