/** The coordinator: guards the runs between calls. Knows no HTTP; every transition is one atomic write. */
import { decodeCbor } from '../core/bytes/cbor.ts';
import { bytesToFloats, floatsToBytes, fromHex, sameBytes, toHex } from '../core/bytes/floats.ts';
import { type Envelope, encodeEnvelope, signEnvelope } from '../core/crypto/envelope.ts';
import { classCount, featureNames } from '../core/data/schema.ts';
import { initialParameters, modelManifest } from '../core/learning/model.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import {
  type Assignment,
  encodePayload,
  labels,
  parseEvaluationReport,
  parseUpdate,
  type UpdateBody,
} from '../core/protocol/message.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem, type ProblemCode } from '../core/protocol/problem.ts';
import { encodeTask, initialSeed, parseTask, type Task } from '../core/protocol/task.ts';
import { admit } from './admit.ts';
import type { CoordinatorPorts } from './ports.ts';
import { Presence } from './presence.ts';
import { account, artifactKey, combine, inspect, modelKey, publish, record, stateKey, taskKey } from './round.ts';
import { answered, closable, deadlinePassed, finished, isActive, opened, reopened } from './run.ts';
import { select } from './select.ts';
import { Serial } from './serial.ts';
import { passed, type Verified } from './stages.ts';
import { runMetadata, runStatus, type RunStatus } from './status.ts';
import type { EvaluationRecord, MessageKey, Run, Write } from './store.ts';
import { type Member, verifyContext, verifyOrigin } from './verify.ts';

/** What the coordinator holds of the active run beside its record. */
interface Loaded {
  run: Run;
  readonly task: Task;
  readonly taskHash: Uint8Array;
  readonly manifest: Manifest;
  /** Current global parameters. */
  parameters: Float32Array;
}

export class Coordinator {
  readonly #ports: CoordinatorPorts;
  readonly #serial = new Serial();
  readonly #presence: Presence;
  readonly #runs = new Map<string, Run>();
  readonly #members = new Map<string, Member>();
  #active: Loaded | null = null;
  #cancelDeadline: () => void = () => undefined;
  #version = 0;
  #closed = false;

  private constructor(ports: CoordinatorPorts) {
    this.#ports = ports;
    this.#presence = new Presence(ports.clock);
  }

  /** Reads what the store holds and takes up the run that was under way. */
  static async open(ports: CoordinatorPorts): Promise<Coordinator> {
    const coordinator = new Coordinator(ports);
    const federation = await ports.store.setting('federation');
    if (federation === null) await ports.store.commit([{ put: 'setting', name: 'federation', value: ports.federation }]);
    else if (federation !== ports.federation) throw new Problem('wrong-federation', `this state belongs to ${federation}`);
    for (const run of await ports.store.runs()) coordinator.#runs.set(run.task, run);
    await coordinator.#serial.run(() => coordinator.#advance());
    return coordinator;
  }

  /** Stops timers and wakes those who wait. What is stored stays as it is. */
  close(): void {
    this.#closed = true;
    this.#cancelDeadline();
    this.#presence.wake();
  }

  /** Registers a client by its update certificate; needed once per process before its messages are read. */
  register(client: string, certificate: Uint8Array): Member {
    const member = this.#ports.verifyCertificate(certificate);
    if (member.role !== 'client' || member.name !== client) throw new Problem('wrong-sender');
    this.#members.set(client, { name: client, certificate: member.certificate, publicKey: member.publicKey });
    return member;
  }

  /** Forgets a revoked client: it is not waited for, not asked, and its messages are refused. */
  async forget(client: string): Promise<void> {
    this.#members.delete(client);
    this.#presence.forget(client);
    await this.#serial.run(async () => {
      const loaded = this.#active;
      if (loaded?.run.cohort?.includes(client) && !answered(loaded.run).has(client)) {
        await this.#commitRun({ ...loaded.run, refused: [...loaded.run.refused, client] }, []);
      }
      await this.#advance();
    });
  }

  /** Stores a task and queues its run. The same task again is the same run. Throws TaskError, Problem. */
  async submit(value: unknown): Promise<Run> {
    const task = parseTask(value);
    const bytes = encodeTask(task);
    const hash = this.#ports.primitives.sha256(bytes);
    const id = toHex(hash);
    return this.#serial.run(async () => {
      const known = this.#runs.get(id);
      if (known !== undefined) return known;
      const manifest = manifestOf(task);
      const parameters = initialOf(task, this.#ports.primitives.sha256(initialSeed(task)));
      await writeBlob(this.#ports.blobs, taskKey(id), bytes);
      await writeBlob(this.#ports.blobs, modelKey(id, 1), floatsToBytes(parameters));
      await this.#ports.step('task-blob');
      const run: Run = {
        task: id,
        name: task.name,
        phase: 'queued',
        round: 1,
        rounds: task.rounds,
        cohort: null,
        target: 0,
        deadlineAt: null,
        received: [],
        evaluations: [],
        refused: [],
        model: toHex(this.#ports.primitives.sha256(floatsToBytes(parameters))),
        parameters: manifest.length === 0 ? 0 : parameters.length,
        order: this.#runs.size,
        openedAt: null,
        submittedAt: this.#ports.clock.now(),
        finishedAt: null,
        problem: null,
      };
      await this.#commitRun(run, []);
      await this.#ports.step('task-stored');
      this.#ports.log({ event: 'task-submitted', task: id, detail: task.name });
      await this.#advance();
      return this.#runs.get(id) ?? run;
    });
  }

  /** Ends a run; the model of its last closed round stays. */
  async stop(task: string): Promise<Run> {
    return this.#serial.run(async () => {
      const run = this.#runs.get(task);
      if (run === undefined) throw new Problem('not-found', 'no such run');
      if (!isActive(run) && run.phase !== 'queued') return run;
      const stopped: Run = { ...run, phase: 'stopped', cohort: null, deadlineAt: null, finishedAt: this.#ports.clock.now() };
      if (run.round > 1 && this.#active?.run.task === task) await this.#writeArtifact(this.#active);
      await this.#commitRun(stopped, []);
      if (this.#active?.run.task === task) this.#active = null;
      this.#ports.log({ event: 'run-stopped', task });
      await this.#advance();
      return stopped;
    });
  }

  /** The signed assignment of a client, as soon as there is one; null after `waitMs` without. */
  async nextAssignment(client: string, waitMs: number, signal?: AbortSignal): Promise<Envelope | null> {
    this.#member(client);
    const leave = this.#presence.arrive(client);
    try {
      if (this.#active?.run.cohort === null) await this.#serial.run(() => this.#advance());
      const until = this.#ports.clock.now() + waitMs;
      for (;;) {
        const assignment = this.#assignmentOf(client);
        if (assignment !== null) return assignment;
        const left = until - this.#ports.clock.now();
        if (left <= 0 || signal?.aborted || this.#closed) return null;
        await this.#presence.change(Math.min(left, waitMs), signal);
      }
    } finally {
      leave();
    }
  }

  /** Bytes of a task. Throws Problem `not-found`. */
  async task(id: string): Promise<Uint8Array> {
    const bytes = this.#runs.has(id) ? await this.#ports.blobs.read(taskKey(id)) : null;
    if (bytes === null) throw new Problem('not-found', 'no such task');
    return bytes;
  }

  /** Bytes of the current global parameters of the active run. Throws Problem `not-found`, `wrong-round`. */
  model(id: string, round: number): Uint8Array {
    const loaded = this.#active;
    if (loaded === null || loaded.run.task !== id) throw new Problem('not-found', 'this run is not active');
    if (loaded.run.round !== round) throw new Problem('wrong-round');
    return floatsToBytes(loaded.parameters);
  }

  /** Length of the tensor an update of this run carries. Throws Problem `not-found`. */
  tensorBytes(id: string): number {
    const run = this.#runs.get(id);
    if (run === undefined) throw new Problem('not-found', 'no such run');
    return 4 * run.parameters;
  }

  /** Takes an update: verify → admit → store → receipt. The same bytes again give the same receipt. Throws Problem. */
  async receiveUpdate(client: string, body: UpdateBody): Promise<Envelope> {
    const member = this.#member(client);
    const { envelope } = body;
    verifyOrigin(envelope, member, { federation: this.#ports.federation, label: labels.update }, this.#ports.primitives);
    const known = await this.#known(envelope, client);
    if (known !== null) return known;
    const loaded = this.#open(envelope, client);
    try {
      const update = parseUpdate(envelope.payload);
      const verified = passed<Verified>({ client, envelope, update, tensor: body.tensor });
      await this.#ports.step('update-verified');
      const admitted = await admit(verified, { ...this.#ports, run: loaded.run, task: loaded.task, manifest: loaded.manifest });
      return await this.#serial.run(async () => {
        const raced = await this.#known(envelope, client);
        if (raced !== null) return raced;
        const { run } = this.#open(envelope, client);
        const key = messageKey(envelope, client);
        await this.#commitRun({ ...run, received: [...run.received, admitted.received] }, [
          { put: 'message', key, payload: admitted.payload, envelope: admitted.envelope },
        ]);
        await this.#ports.step('update-stored');
        await this.#advance();
        return this.#receipt(envelope);
      });
    } catch (error) {
      if (error instanceof Problem) await this.#refuse(client, envelope, error);
      throw error;
    }
  }

  /** Takes a client's evaluation of the final model. Throws Problem. */
  async receiveEvaluation(client: string, envelope: Envelope): Promise<Envelope> {
    const member = this.#member(client);
    verifyOrigin(envelope, member, { federation: this.#ports.federation, label: labels.evaluation }, this.#ports.primitives);
    return this.#serial.run(async () => {
      const known = await this.#known(envelope, client);
      if (known !== null) return known;
      const { run } = this.#open(envelope, client);
      const report = parseEvaluationReport(envelope.payload);
      if (run.phase !== 'evaluating') throw new Problem('round-closed');
      if (toHex(report.model) !== run.model) throw new Problem('malformed', 'evaluated another model');
      const record: EvaluationRecord = { client, evaluation: report.evaluation, alone: report.alone };
      await this.#commitRun({ ...run, evaluations: [...run.evaluations, record] }, [
        {
          put: 'message',
          key: messageKey(envelope, client),
          payload: this.#ports.primitives.sha256(envelope.payload),
          envelope: encodeEnvelope(envelope),
        },
      ]);
      await this.#ports.step('evaluation-stored');
      await this.#advance();
      return this.#receipt(envelope);
    });
  }

  /** All runs, oldest first. */
  runs(): Run[] {
    return [...this.#runs.values()].sort((a, b) => a.order - b.order);
  }

  /** What an operator sees of a run; waits for a change beyond `after` for at most `waitMs`. Throws Problem `not-found`. */
  async status(id: string, after: number, waitMs: number, signal?: AbortSignal): Promise<RunStatus> {
    const until = this.#ports.clock.now() + waitMs;
    while (this.#version <= after && this.#ports.clock.now() < until && !signal?.aborted && !this.#closed) {
      await this.#presence.change(Math.max(1, until - this.#ports.clock.now()), signal);
    }
    const run = this.#runs.get(id);
    if (run === undefined) throw new Problem('not-found', 'no such run');
    const [reports, refusals] = await Promise.all([this.#ports.store.rounds(id), this.#ports.store.refusals(id)]);
    return runStatus(run, reports, refusals, this.#presence.present(), this.#version, this.#ports.clock.now());
  }

  /** Names of the clients that listen now. */
  present(): string[] {
    return this.#presence.present();
  }

  /** The published model file of a finished or stopped run. Throws Problem `not-found`. */
  async artifact(id: string): Promise<Uint8Array> {
    const bytes = await this.#ports.blobs.read(artifactKey(id));
    if (bytes === null) throw new Problem('not-found', 'this run has not published a model yet');
    return bytes;
  }

  #member(client: string): Member {
    const member = this.#members.get(client);
    if (member === undefined) throw new Problem('unauthenticated', 'register the update certificate first');
    return member;
  }

  /** The receipt of a message stored before; Problem `equivocation` when other bytes were. Both are kept. */
  async #known(envelope: Envelope, client: string): Promise<Envelope | null> {
    const stored = await this.#ports.store.message(messageKey(envelope, client));
    if (stored === null) return null;
    if (sameBytes(stored.payload, this.#ports.primitives.sha256(envelope.payload))) return this.#receipt(envelope);
    const problem = new Problem('equivocation');
    await this.#note(client, envelope, problem);
    throw problem;
  }

  /** The active run, if it is open for this message of this client. Throws Problem. */
  #open(envelope: Envelope, client: string): Loaded {
    const loaded = this.#active;
    if (loaded === null) throw new Problem('round-closed');
    verifyContext(envelope, loaded.run);
    if (loaded.run.cohort === null) throw new Problem('round-closed');
    if (!loaded.run.cohort.includes(client)) throw new Problem('not-in-cohort');
    if (loaded.run.refused.includes(client)) throw new Problem('round-closed', 'an earlier message of this round was refused');
    return loaded;
  }

  #receipt(envelope: Envelope): Envelope {
    const payload = encodePayload({ label: envelope.label, payload: this.#ports.primitives.sha256(envelope.payload) });
    return this.#sign(labels.receipt, envelope.task, envelope.round, payload);
  }

  #sign(label: string, task: Uint8Array, round: number, payload: Uint8Array): Envelope {
    const { signer, certificate } = this.#ports.identity();
    const { federation, primitives } = this.#ports;
    return signEnvelope({ label, federation, task, round, sender: certificate, payload }, signer, primitives);
  }

  #assignmentOf(client: string): Envelope | null {
    const loaded = this.#active;
    if (loaded === null) return null;
    const { run, task, taskHash } = loaded;
    if (run.cohort === null || !run.cohort.includes(client) || answered(run).has(client)) return null;
    const assignment: Assignment = {
      kind: run.phase === 'evaluating' ? 'evaluate' : 'train',
      model: fromHex(run.model),
      parameters: run.parameters,
      evaluate: run.phase === 'evaluating' || (run.round - 1) % task.evaluation.everyRounds === 0,
      remainingMs: Math.max(0, (run.deadlineAt ?? 0) - this.#ports.clock.now()),
      cohort: run.cohort.length,
    };
    return this.#sign(labels.assignment, taskHash, run.round, encodePayload(assignment));
  }

  /** A verified member's message was refused: count it, name it, go on without it. */
  async #refuse(client: string, envelope: Envelope, problem: Problem): Promise<void> {
    if (unblamed.has(problem.code)) return;
    await this.#serial.run(async () => {
      const run = this.#active?.run;
      const current =
        run !== undefined && toHex(envelope.task) === run.task && envelope.round === run.round && !answered(run).has(client);
      await this.#note(client, envelope, problem, current ? { ...run, refused: [...run.refused, client] } : null);
      await this.#advance();
    });
  }

  async #note(client: string, envelope: Envelope, problem: Problem, run: Run | null = null): Promise<void> {
    const task = toHex(envelope.task);
    const { round } = envelope;
    this.#ports.log({ event: 'refused', level: 'warn', client, task, round, code: problem.code, detail: problem.detail });
    const refusal = { task, round, client, code: problem.code, at: this.#ports.clock.now() };
    const write: Write = { put: 'refusal', refusal, evidence: encodeEnvelope(envelope) };
    if (run === null) await this.#ports.store.commit([write]);
    else await this.#commitRun(run, [write]);
  }

  async #commitRun(run: Run, writes: readonly Write[]): Promise<void> {
    await this.#ports.store.commit([...writes, { put: 'run', run }]);
    this.#remember(run);
  }

  #remember(run: Run): void {
    this.#runs.set(run.task, run);
    if (this.#active?.run.task === run.task) this.#active.run = run;
    this.#version++;
    this.#presence.wake();
  }

  /** Takes every transition that is due. Runs inside `#serial` only. */
  async #advance(): Promise<void> {
    while (!this.#closed && (await this.#step())) continue;
    this.#schedule();
  }

  async #step(): Promise<boolean> {
    const loaded = this.#active ?? (await this.#activate());
    if (loaded === null) return false;
    const { run, task } = loaded;
    const now = this.#ports.clock.now();
    if (run.cohort === null) return this.#openRound(loaded);
    if (closable(run, task, now)) {
      await (run.phase === 'evaluating' ? this.#finish(loaded) : this.#closeRound(loaded));
      return true;
    }
    if (!deadlinePassed(run, now)) return false;
    this.#ports.log({ event: 'round-extended', level: 'warn', task: run.task, round: run.round, detail: 'below its quorum at the deadline' });
    await this.#commitRun(reopened(run, 'below its quorum at the deadline'), []);
    return true;
  }

  /** Loads the run under way, or starts the oldest queued one. */
  async #activate(): Promise<Loaded | null> {
    const run = this.runs().find(isActive) ?? this.runs().find(r => r.phase === 'queued');
    if (run === undefined) return null;
    const task = parseTask((decodeCbor(await this.task(run.task)) as unknown[])[1]);
    const bytes = await this.#ports.blobs.read(modelKey(run.task, run.round));
    if (bytes === null) throw new Error(`the model of round ${run.round} of ${run.task} is missing from storage`);
    if (toHex(this.#ports.primitives.sha256(bytes)) !== run.model) {
      throw new Error(`the stored model of round ${run.round} of ${run.task} is damaged`);
    }
    this.#active = { run, task, taskHash: fromHex(run.task), manifest: manifestOf(task), parameters: bytesToFloats(bytes) };
    if (run.phase === 'queued') await this.#commitRun({ ...run, phase: 'training' }, []);
    await this.#sweep(this.#active.run);
    return this.#active;
  }

  #withOpening(loaded: Loaded, run: Run): Run | null {
    const known = new Set([...this.#presence.present(), ...run.received.map(r => r.client)]);
    const candidates = [...known].filter(client => !run.refused.includes(client));
    const { primitives, clock } = this.#ports;
    const task = run.phase === 'evaluating' ? everyone(loaded.task) : loaded.task;
    const selection = select(task, loaded.taskHash, run.round, candidates.sort(), primitives);
    return selection === null ? null : opened(run, selection, loaded.task, clock.now());
  }

  async #openRound(loaded: Loaded): Promise<boolean> {
    const run = this.#withOpening(loaded, loaded.run);
    if (run === null) return false;
    await this.#commitRun(run, []);
    await this.#ports.step('round-open');
    return true;
  }

  async #closeRound(loaded: Loaded): Promise<void> {
    const inspected = inspect(loaded.run, loaded.task);
    const combined = await combine(inspected, loaded.parameters, this.#ports);
    await this.#ports.step('round-combined');
    const recorded = await record(account(combined), run => this.#withOpening(loaded, run) ?? run, this.#ports);
    loaded.parameters = combined.parameters;
    this.#remember(recorded.run);
    const { dropped, updates, run } = inspected;
    this.#ports.log({ event: 'round-closed', task: run.task, round: run.round, detail: `${updates.length} combined, ${dropped.length} dropped out` });
    for (const client of dropped) this.#ports.log({ event: 'dropped-out', level: 'warn', client, task: run.task, round: run.round });
    await this.#sweep(recorded.run);
    await this.#ports.step('round-swept');
  }

  async #finish(loaded: Loaded): Promise<void> {
    await this.#writeArtifact(loaded);
    await this.#ports.step('artifact-blob');
    await this.#commitRun(finished(loaded.run, this.#ports.clock.now()), []);
    this.#active = null;
    this.#ports.log({ event: 'run-finished', task: loaded.run.task });
    await this.#ports.step('run-finished');
  }

  async #writeArtifact(loaded: Loaded): Promise<void> {
    const { run, task, manifest, parameters } = loaded;
    const report = (await this.#ports.store.rounds(run.task)).find(r => r.round === run.round - 1);
    if (report === undefined) throw new Error(`round ${run.round - 1} of ${run.task} has no record`);
    const artifact = publish({ run, report }, parameters, manifest, runMetadata(this.#ports.federation, run, task, report));
    await writeBlob(this.#ports.blobs, artifactKey(run.task), artifact.bytes);
  }

  /** Removes the blobs of closed rounds. What is still needed: the current model, its state, updates of the open round. */
  async #sweep(run: Run): Promise<void> {
    const { blobs } = this.#ports;
    const keep = new Set([modelKey(run.task, run.round), stateKey(run.task, run.round), taskKey(run.task), artifactKey(run.task)]);
    const open = `${run.task}/update/${run.round}/`;
    for (const key of await blobs.list(`${run.task}/`)) if (!keep.has(key) && !key.startsWith(open)) await blobs.remove(key);
  }

  #schedule(): void {
    this.#cancelDeadline();
    const deadlineAt = this.#active?.run.deadlineAt ?? null;
    if (deadlineAt === null || this.#closed) return;
    // At most an hour ahead: a clock that jumps is noticed soon.
    const wait = Math.min(Math.max(0, deadlineAt - this.#ports.clock.now()), 3_600_000);
    this.#cancelDeadline = this.#ports.clock.after(wait, () => void this.#serial.run(() => this.#advance()).catch(error => this.#fail(error)));
  }

  #fail(error: unknown): void {
    this.#ports.log({ event: 'failed', level: 'error', detail: error instanceof Error ? error.message : String(error) });
  }
}

/** Refusals that are not the sender's fault, or that say nothing about its update: not counted against it. */
const unblamed = new Set<ProblemCode>(['round-closed', 'wrong-round', 'wrong-task', 'not-in-cohort', 'storage-full', 'unavailable', 'too-slow', 'bad-request']);

const manifestOf = (task: Task): Manifest => modelManifest(task.model, featureNames(task.data).length, classCount(task.data));

const initialOf = (task: Task, seed: Uint8Array): Float32Array =>
  initialParameters(task.model, featureNames(task.data).length, classCount(task.data), seed);

const messageKey = (envelope: Envelope, client: string): MessageKey => ({
  task: toHex(envelope.task),
  round: envelope.round,
  label: envelope.label,
  sender: client,
});

/** The final evaluation asks every present client. */
const everyone = (task: Task): Task => ({ ...task, cohort: { ...task.cohort, fraction: 1, minimum: 1, overSelection: 0 } });
