/** A member of one simulated group session: sends until it is heard, asks for what comes next, dies where it is told to. */
import { sameBytes } from '../core/bytes/floats.ts';
import { decodeEnvelope, encodeEnvelope, signEnvelope, verifyEnvelope } from '../core/crypto/envelope.ts';
import type { GroupPrimitives } from '../core/crypto/group-primitives.ts';
import type { Signer } from '../core/crypto/primitives.ts';
import { Problem } from '../core/protocol/problem.ts';
import {
  coordinatorLabels,
  type MemberLabel,
  parseBoxes,
  parseMembers,
  parseQuorum,
  parseSurvivors,
} from '../core/secagg/group-message.ts';
import type { Mask } from '../core/secagg/mask.ts';
import {
  beginMember,
  type MemberEvent,
  type MemberSecrets,
  type MemberSession,
  type MemberState,
  type MemberStep,
  type Peer,
  stepMember,
} from '../core/secagg/member-machine.ts';
import type { VirtualClock } from './clock.ts';
import type { MemberCrash } from './secagg-faults.ts';
import { type Lie, payloadsOf } from './secagg-lies.ts';
import type { SessionLink } from './secagg-link.ts';
import { decodeWire, encodeWire, type GroupReply } from './secagg-wire.ts';

export interface MemberSetting {
  readonly session: MemberSession;
  readonly secrets: MemberSecrets;
  readonly signer: Signer;
  /** Those of a liar lie. */
  readonly primitives: GroupPrimitives;
  readonly coordinator: { readonly publicKey: Uint8Array; readonly certificate: Uint8Array };
  /** The peer behind a certificate; throws Problem for one that is none. */
  readonly peerOf: (at: number, certificate: Uint8Array) => Peer;
  /** The member's input with the masks on it, packed. */
  readonly mask: (masks: readonly Mask[]) => Promise<Uint8Array>;
  readonly clock: VirtualClock;
  readonly link: SessionLink;
  readonly crash: MemberCrash | undefined;
  readonly lie: Lie | undefined;
  /** After so long without an end it gives up. */
  readonly patienceMs: number;
}

const retryMs = 100;
const nothing = new Uint8Array(0);
/** Refusals that no further attempt changes. */
const final: readonly string[] = ['round-closed', 'equivocation'];

const order = (label: string): number => (coordinatorLabels as readonly string[]).indexOf(label);

export class SessionMember {
  readonly #setting: MemberSetting;
  #state: MemberState | null = null;
  /** Label of the newest message of the coordinator that was acted on. */
  #after = 'group-manifest';
  /** The packed input. */
  #vector: Uint8Array | null = null;
  #isDead = false;

  constructor(setting: MemberSetting) {
    this.#setting = setting;
  }

  /** How it ended; null while it has not. */
  get end(): 'finished' | 'aborted' | 'died' | null {
    if (this.#isDead) return 'died';
    const stage = this.#state?.stage;
    return stage === 'finished' || stage === 'aborted' ? stage : null;
  }

  start(): void {
    const { session, secrets, primitives, clock, patienceMs } = this.#setting;
    clock.after(patienceMs, () => this.#step({ kind: 'abort' }));
    this.#do(beginMember(session, secrets, primitives));
  }

  #step(event: MemberEvent): void {
    if (this.#state === null || this.end !== null) return;
    this.#do(stepMember(this.#state, event, this.#setting.primitives));
  }

  #do({ state, actions }: MemberStep): void {
    this.#state = state;
    for (const action of actions) {
      if (action.kind === 'mask') void this.#mask(action.masks);
      if (action.kind === 'send') this.#send(action.label, action.payload, action.body ?? this.#vector ?? nothing);
    }
  }

  async #mask(masks: readonly Mask[]): Promise<void> {
    const vector = await this.#setting.clock.halting(this.#setting.mask(masks));
    this.#vector = vector;
    this.#step({ kind: 'masked', vector: this.#setting.primitives.sha256(vector), bytes: vector.length });
  }

  #send(label: MemberLabel, payload: Uint8Array, body: Uint8Array): void {
    const { crash, lie, session, primitives } = this.#setting;
    const follows = label === 'group-shares' || label === 'group-input' ? body : nothing;
    const dies = crash?.label === label ? crash.when : null;
    this.#isDead ||= dies === 'before';
    for (const one of payloadsOf(lie, session.at, label, payload, primitives)) this.#put(label, one, follows);
    this.#isDead ||= dies === 'after';
  }

  /** The same bytes until an answer comes. */
  #put(label: MemberLabel, payload: Uint8Array, body: Uint8Array): void {
    const { session, signer, primitives } = this.#setting;
    const { federation, task, round } = session.manifest;
    const fields = { label, federation, task, round, sender: session.certificate, payload };
    const head = encodeEnvelope(signEnvelope(fields, signer, primitives));
    const digest = primitives.sha256(head);
    const request = encodeWire({ kind: 'send', head, body });
    let isHeard = false;
    const attempt = (): void => {
      if (this.end !== null) return;
      // A reply that comes twice is one: it must not double the attempts.
      let isAnswered = false;
      this.#setting.link.ask(session.at, request, bytes => {
        if (this.end !== null || isHeard || isAnswered) return;
        isAnswered = true;
        const reply = bytes && decodeWire<GroupReply>(bytes);
        if (reply?.kind === 'receipt' && sameBytes(reply.of, digest)) {
          isHeard = true;
          this.#next();
        } else if (reply?.kind === 'problem' && final.includes(reply.code)) {
          this.#step({ kind: 'abort' });
        } else {
          this.#setting.clock.after(retryMs, attempt);
        }
      });
    };
    attempt();
  }

  #next(): void {
    const after = this.#after;
    const request = encodeWire({ kind: 'next', after });
    let isAnswered = false;
    this.#setting.link.ask(this.#setting.session.at, request, bytes => {
      if (this.end !== null || isAnswered) return;
      isAnswered = true;
      const reply = bytes && decodeWire<GroupReply>(bytes);
      const label = reply?.kind === 'told' ? this.#hear(reply.envelope) : null;
      // What was heard is answered first; a message that comes twice changes nothing.
      if (label === null && this.#after === after) this.#setting.clock.after(retryMs, () => this.#next());
    });
  }

  /** The label of the message that was acted on; null for bytes that the coordinator has not signed. */
  #hear(bytes: Uint8Array): string | null {
    const { session, coordinator, primitives } = this.#setting;
    const { federation, task, round } = session.manifest;
    try {
      const envelope = decodeEnvelope(bytes);
      verifyEnvelope(envelope, coordinator.publicKey, primitives);
      const isOurs =
        envelope.federation === federation &&
        envelope.round === round &&
        sameBytes(envelope.task, task) &&
        sameBytes(envelope.sender, coordinator.certificate);
      if (!isOurs) return null;
      const event = this.#eventOf(envelope.label, envelope.payload);
      if (order(envelope.label) > order(this.#after)) this.#after = envelope.label;
      this.#step(event);
      return envelope.label;
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      if (cause.code === 'bad-signature' || cause.code === 'bad-request') return null;
      this.#step({ kind: 'abort' });
      return '';
    }
  }

  #eventOf(label: string, payload: Uint8Array): MemberEvent {
    switch (label) {
      case 'group-members': {
        const message = parseMembers(payload);
        const peers = message.present.map(({ at, certificate }) => this.#setting.peerOf(at, certificate));
        return { kind: 'members', message, peers };
      }
      case 'group-boxes':
        return { kind: 'boxes', message: parseBoxes(payload) };
      case 'group-survivors':
        return { kind: 'survivors', message: parseSurvivors(payload), memory: null };
      case 'group-quorum':
        return { kind: 'quorum', message: parseQuorum(payload) };
      case 'group-end':
        return { kind: 'end' };
      default:
        throw new Problem('bad-request', `session: ${label}`);
    }
  }
}
