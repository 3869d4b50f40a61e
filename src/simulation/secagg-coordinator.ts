/** The coordinator of one simulated group session: stores what its machine accepts, dies, and begins again from what is stored. */
import { compareBytes, encodeCbor } from '../core/bytes/cbor.ts';
import { sameBytes } from '../core/bytes/floats.ts';
import { decodeEnvelope, encodeEnvelope, signEnvelope, verifyEnvelope } from '../core/crypto/envelope.ts';
import type { GroupPrimitives } from '../core/crypto/group-primitives.ts';
import type { Signer } from '../core/crypto/primitives.ts';
import { Problem } from '../core/protocol/problem.ts';
import {
  beginGroup,
  type GroupEvent,
  type GroupMember,
  type GroupState,
  isAnswered,
  labelFor,
  messageFor,
  stepGroup,
} from '../core/secagg/group-machine.ts';
import { parseInput } from '../core/secagg/group-message.ts';
import type { GroupManifest } from '../core/secagg/manifest.ts';
import type { VirtualClock } from './clock.ts';
import type { CoordinatorCrash, CoordinatorPoint } from './secagg-faults.ts';
import type { SessionLink } from './secagg-link.ts';
import { decodeWire, encodeWire, type GroupRequest } from './secagg-wire.ts';

export interface CoordinatorSetting {
  readonly manifest: GroupManifest;
  readonly members: readonly GroupMember[];
  readonly signer: Signer;
  /** SHA-256 of its certificate. */
  readonly certificate: Uint8Array;
  readonly primitives: GroupPrimitives;
  readonly clock: VirtualClock;
  readonly link: SessionLink;
  readonly crashes: readonly CoordinatorCrash[];
  /** How long members may train before the first step. */
  readonly trainMs: number;
}

/** Thrown where the coordinator dies. */
class Died extends Error {
  override readonly name = 'Died';
  readonly crash: CoordinatorCrash;

  constructor(crash: CoordinatorCrash) {
    super(crash.point);
    this.crash = crash;
  }
}

interface Waiting {
  readonly at: number;
  readonly after: string;
  readonly answer: (reply: Uint8Array) => void;
}

export class SessionCoordinator {
  readonly #setting: CoordinatorSetting;
  readonly #visits = new Map<CoordinatorPoint, number>();
  /** On disk: events of the machine in the order in which they happened, and the inputs. */
  readonly #stored: GroupEvent[] = [];
  readonly #inputs = new Map<number, Uint8Array>();
  /** What the stored events make: for comparison. */
  #expected: GroupState;
  /** In memory, so lost in a crash. */
  #state: GroupState;
  #waiting: Waiting[] = [];
  /** The deadline that is set. */
  #deadline: object | null = null;
  #deadlineOf: string | null = null;
  #isUp = false;

  constructor(setting: CoordinatorSetting) {
    this.#setting = setting;
    this.#state = beginGroup(setting.manifest, setting.members, setting.primitives);
    this.#expected = this.#state;
  }

  get state(): GroupState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#isUp && (this.#state.stage === 'opened' || this.#state.stage === 'void');
  }

  /** The packed input that a member has sent. */
  input(at: number): Uint8Array {
    const input = this.#inputs.get(at);
    if (input === undefined) throw new RangeError(`session: member ${at} has sent no input`);
    return input;
  }

  start(): void {
    this.#isUp = true;
    this.#deadlineOf = null;
    this.#setting.link.listen((at, request, answer) => this.#survive(() => this.#answer({ at, request, answer })));
    this.#survive(() => undefined);
  }

  revoke(at: number): void {
    // A coordinator that is down hears of it when it is up again.
    if (!this.#isUp) this.#setting.clock.after(50, () => this.revoke(at));
    else if (!this.isOver) this.#survive(() => this.#happen({ kind: 'gone', at }));
  }

  #answer({ at, request, answer }: { at: number; request: Uint8Array; answer: Waiting['answer'] }): void {
    const read = decodeWire<GroupRequest>(request);
    if (read?.kind === 'next') this.#waiting.push({ at, after: read.after, answer });
    if (read?.kind !== 'send') return;
    try {
      this.#accept(at, read.head, read.body);
      answer(encodeWire({ kind: 'receipt', of: this.#setting.primitives.sha256(read.head) }));
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      answer(encodeWire({ kind: 'problem', code: cause.code }));
    }
  }

  #accept(at: number, head: Uint8Array, body: Uint8Array): void {
    const { manifest, members, primitives } = this.#setting;
    const envelope = decodeEnvelope(head);
    const { federation, task, round, sender } = envelope;
    if (federation !== manifest.federation || round !== manifest.round || !sameBytes(task, manifest.task))
      throw new Problem('wrong-round');
    if (!sameBytes(sender, manifest.members[at])) throw new Problem('wrong-sender');
    verifyEnvelope(envelope, members[at].publicKey, primitives);
    if (envelope.label === 'group-input') {
      const { vector, bytes } = parseInput(envelope.payload);
      if (body.length !== bytes || !sameBytes(primitives.sha256(body), vector)) throw new Problem('bad-digest');
    }
    this.#happen({ kind: 'message', at, envelope, body });
  }

  /** Stored before anybody hears of it. */
  #happen(event: GroupEvent): void {
    const next = stepGroup(this.#state, event, this.#setting.primitives);
    if (next === this.#state) return;
    const what = event.kind === 'close' ? 'close' : 'message';
    this.#mayDie(`${what}-unsaved`);
    this.#stored.push(event);
    // With its message, in one transaction.
    if (event.kind === 'message' && event.envelope.label === 'group-input' && event.body !== null)
      this.#inputs.set(event.at, event.body);
    this.#expected = next;
    this.#mayDie(`${what}-saved`);
    this.#state = next;
  }

  #mayDie(point: CoordinatorPoint): void {
    const count = (this.#visits.get(point) ?? 0) + 1;
    this.#visits.set(point, count);
    const crash = this.#setting.crashes.find(one => one.point === point && one.count === count);
    if (crash !== undefined) throw new Died(crash);
  }

  /** Does something and what follows from it, or dies of it. */
  #survive(action: () => void): void {
    try {
      action();
      while (!this.isOver && isAnswered(this.#state)) this.#happen({ kind: 'close' });
      this.#tell();
      this.#awaitDeadline();
    } catch (cause) {
      if (!(cause instanceof Died)) throw cause;
      this.#die(cause.crash);
    }
  }

  /** Answers whoever has not heard the newest message. */
  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      const label = labelFor(this.#state, one.at);
      const told = label === one.after ? null : messageFor(this.#state, one.at);
      if (told === null) this.#waiting.push(one);
      else one.answer(encodeWire({ kind: 'told', envelope: this.#sign(told.label, told.payload) }));
    }
  }

  #sign(label: string, payload: Uint8Array): Uint8Array {
    const { manifest, certificate, signer, primitives } = this.#setting;
    const { federation, task, round } = manifest;
    return encodeEnvelope(
      signEnvelope({ label, federation, task, round, sender: certificate, payload }, signer, primitives),
    );
  }

  /** Each step has a deadline; after a crash a new one. */
  #awaitDeadline(): void {
    const { clock, manifest, trainMs } = this.#setting;
    const { stage } = this.#state;
    if (this.isOver || this.#deadlineOf === stage) return;
    const deadline = {};
    [this.#deadline, this.#deadlineOf] = [deadline, stage];
    clock.after(stage === 'keys' ? trainMs + manifest.stepMs : manifest.stepMs, () => {
      if (this.#isUp && this.#deadline === deadline) this.#survive(() => this.#happen({ kind: 'close' }));
    });
  }

  #die({ ms }: CoordinatorCrash): void {
    const { clock, link } = this.#setting;
    this.#isUp = false;
    this.#deadline = null;
    this.#waiting = [];
    link.listen(null);
    clock.after(ms, () => {
      this.#state = this.#recovered();
      if (compareBytes(summary(this.#expected), summary(this.#state)) !== 0)
        throw new Error(`session: recovered in ${this.#state.stage}, expected ${this.#expected.stage}`);
      this.start();
    });
  }

  /** From what is stored; the messages of each step in another order, which must not matter. */
  #recovered(): GroupState {
    const { manifest, members, primitives } = this.#setting;
    let state = beginGroup(manifest, members, primitives);
    let step: GroupEvent[] = [];
    const take = (event: GroupEvent): void => {
      state = stepGroup(state, event, primitives);
    };
    for (const event of [...this.#stored, null]) {
      if (event?.kind === 'message') step.unshift(event);
      else if (event?.kind === 'gone') step.push(event);
      else {
        step.forEach(take);
        step = [];
        if (event !== null) take(event);
      }
    }
    return state;
  }
}

function summary(state: GroupState): Uint8Array {
  const { stage, present, sharers, survivors, quorum, why, opening, blamed } = state;
  const { keys, shares, inputs, agreed, unmasked } = state;
  const sent = [keys, shares, inputs, agreed, unmasked].map(received => [...received.keys()].sort((a, b) => a - b));
  const gone = [...state.gone].sort((a, b) => a - b);
  return encodeCbor({ stage, present, sharers, survivors, quorum, why, opening, blamed, sent, gone });
}
