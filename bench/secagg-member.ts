/** One member of a group in the suite `secagg`: everything that a client does in a session, from its update on, without network and disk. */
import { sameBytes } from '../src/core/bytes/floats.ts';
import { decodeEnvelope, signEnvelope, verifyEnvelope } from '../src/core/crypto/envelope.ts';
import type { GroupPrimitives } from '../src/core/crypto/group-primitives.ts';
import { encodeUpdateHead, parseReceipt } from '../src/core/protocol/message.ts';
import { quantise } from '../src/core/secagg/encoding.ts';
import {
  type CoordinatorLabel,
  type MemberLabel,
  parseBoxes,
  parseMembers,
  parseQuorum,
  parseSurvivors,
} from '../src/core/secagg/group-message.ts';
import type { GroupPorts } from '../src/core/secagg/group-ports.ts';
import { beginMember, type MemberAction, type MemberStep, stepMember } from '../src/core/secagg/member-machine.ts';
import type { MemberEvent, MemberState } from '../src/core/secagg/member-state.ts';
import { pack } from '../src/core/secagg/packing.ts';
import { type Counting, uncounted } from './secagg-costs.ts';
import type { BenchGroup, BenchMember } from './secagg-group.ts';

/** A message on its way to the coordinator. */
export interface Sent {
  readonly label: MemberLabel;
  /** Length, envelope. */
  readonly head: Uint8Array;
  readonly body: Uint8Array | null;
}

/** A message of the coordinator. */
export interface Told {
  readonly label: CoordinatorLabel;
  /** Envelope. */
  readonly bytes: Uint8Array;
}

/** What a step of the session is counted as. */
const partOf: Readonly<Record<CoordinatorLabel, string>> = {
  'group-members': 'shares',
  'group-boxes': 'boxes',
  'group-survivors': 'agree',
  'group-quorum': 'unmask',
  'group-end': 'unmask',
};

export interface MemberOptions {
  /** Null: masked input of zeros; then what the member says of it is not true, and nothing is measured. */
  readonly update: Float32Array | null;
  readonly ports: GroupPorts;
  readonly costs?: Counting;
}

/** Parts of its costs: encode, keys, shares, boxes, mask, hash, agree, unmask; `receipts` for what it is told between them. */
export class SessionMember {
  readonly #group: BenchGroup;
  readonly #costs: Counting;
  readonly #own: BenchMember;
  readonly #options: MemberOptions;
  readonly #primitives: GroupPrimitives;
  #state: MemberState | null = null;
  #vectors: Int32Array<ArrayBuffer>[] = [];

  constructor(group: BenchGroup, at: number, options: MemberOptions) {
    this.#group = group;
    this.#own = group.members[at];
    this.#options = options;
    this.#costs = options.costs ?? uncounted;
    this.#primitives = options.ports.primitives;
  }

  begin(): Sent {
    const { session } = this.#own;
    const { update } = this.#options;
    const { randomBytes } = this.#primitives;
    const { encoding, manifest } = this.#group;
    if (update !== null)
      this.#vectors = this.#costs.do('encode', () => [
        quantise(update, 700, encoding),
        new Int32Array(manifest.segments[1].words),
      ]);
    return this.#costs.do('keys', () => {
      const secrets = { root: randomBytes(32), self: randomBytes(32), channel: randomBytes(32) };
      return this.#send(beginMember(session, secrets, this.#primitives));
    });
  }

  /** Null for the last message. Throws Error where the member aborts. */
  async hear({ label, bytes }: Told): Promise<Sent | null> {
    const step = this.#costs.do(partOf[label], () => {
      const event = this.#read(label, bytes);
      return this.#step(event);
    });
    const [first] = step.actions;
    if (first.kind === 'mask') return this.#mask(first);
    if (first.kind === 'finished') return null;
    return this.#costs.do(partOf[label], () => this.#send(step));
  }

  /** Throws Error for a receipt of something else. */
  acknowledged({ head }: Sent, receipt: Uint8Array): void {
    this.#costs.do('receipts', () => {
      const envelope = decodeEnvelope(receipt);
      verifyEnvelope(envelope, this.#group.coordinator.signer.publicKey, this.#primitives);
      const { payload } = decodeEnvelope(head.subarray(4));
      if (!sameBytes(parseReceipt(envelope.payload).payload, this.#primitives.sha256(payload)))
        throw new Error('bench: the receipt is for something else');
    });
  }

  #read(label: CoordinatorLabel, bytes: Uint8Array): MemberEvent {
    const envelope = decodeEnvelope(bytes);
    verifyEnvelope(envelope, this.#group.coordinator.signer.publicKey, this.#primitives);
    const { payload } = envelope;
    switch (label) {
      case 'group-members': {
        const message = parseMembers(payload);
        return { kind: 'members', message, peers: message.present.map(({ at }) => this.#group.members[at].peer) };
      }
      case 'group-boxes':
        return { kind: 'boxes', message: parseBoxes(payload) };
      case 'group-survivors':
        return { kind: 'survivors', message: parseSurvivors(payload), memory: null };
      case 'group-quorum':
        return { kind: 'quorum', message: parseQuorum(payload) };
      case 'group-end':
        return { kind: 'end' };
    }
  }

  async #mask({ masks }: Extract<MemberAction, { kind: 'mask' }>): Promise<Sent> {
    const { manifest } = this.#group;
    if (this.#options.update === null) {
      const bytes = manifest.segments.reduce((sum, { words }) => sum + 4 * words, 0);
      return this.#send(this.#step({ kind: 'masked', vector: new Uint8Array(32).fill(1), bytes }));
    }
    const packed = await this.#costs.wait('mask', async () => {
      for (const [i, { label, words, bits }] of manifest.segments.entries())
        await this.#options.ports.applyMasks(masks, { label, length: words, bits }, this.#vectors[i]);
      return joined(manifest.segments.map(({ bits }, i) => pack(this.#vectors[i], bits)));
    });
    this.#vectors = [];
    const vector = await this.#costs.wait('hash', () => this.#primitives.sha256Large(packed));
    return this.#costs.do('hash', () =>
      this.#send(this.#step({ kind: 'masked', vector, bytes: packed.length }), packed),
    );
  }

  #step(event: MemberEvent): MemberStep {
    if (this.#state === null) throw new Error('bench: the member has not begun');
    const step = stepMember(this.#state, event, this.#primitives);
    this.#state = step.state;
    for (const action of step.actions)
      if (action.kind === 'aborted') throw new Error(`bench: a member aborts: ${action.why}`);
    return step;
  }

  #send({ state, actions }: MemberStep, attached: Uint8Array | null = null): Sent {
    this.#state = state;
    const action = actions.find(one => one.kind === 'send');
    if (action === undefined) throw new Error('bench: the member says nothing');
    const { federation, task, round } = this.#group.manifest;
    const { label, payload, body } = action;
    const { signer, peer } = this.#own;
    const fields = { label, federation, task, round, sender: peer.certificate, payload };
    return { label, head: encodeUpdateHead(signEnvelope(fields, signer, this.#primitives)), body: attached ?? body };
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
