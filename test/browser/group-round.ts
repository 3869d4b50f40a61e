/** A group of which one member is in a page: the others, and the coordinator, are in Node. */
import { createHash } from 'node:crypto';
import { encodeCbor } from '../../src/core/bytes/cbor.ts';
import {
  decodeEnvelope,
  type EnvelopeFields,
  encodeEnvelope,
  signEnvelope,
  verifyEnvelope,
} from '../../src/core/crypto/envelope.ts';
import { applyMasks } from '../../src/core/secagg/apply-masks.ts';
import { makeEncoding } from '../../src/core/secagg/encoding.ts';
import { beginGroup, type GroupState, isAnswered, messageFor, stepGroup } from '../../src/core/secagg/group-machine.ts';
import type { GroupManifest, Segment } from '../../src/core/secagg/manifest.ts';
import type { Mask } from '../../src/core/secagg/mask.ts';
import type { Peer } from '../../src/core/secagg/member-machine.ts';
import { pack, packedBytes, unpack } from '../../src/core/secagg/packing.ts';
import { groupThresholds } from '../../src/core/secagg/thresholds.ts';
import { nodeGroupPrimitives } from '../../src/node/group-primitives.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import { generateSigner } from '../../src/node/primitives.ts';
import { inputOf, type Joined, type MemberPorts, playMember, type Told } from './group-member.ts';

const node = await nodeGroupPrimitives();

export interface RoundOptions {
  readonly members: number;
  readonly segments: readonly Segment[];
  /** How many members of Node leave after R1. */
  readonly leaving: number;
  /** False: Node's members send no vectors, where the page alone is looked at. */
  readonly isComplete: boolean;
}

/** What the page's member said and heard. */
export interface Exchange {
  readonly envelope: Uint8Array;
  readonly body: Uint8Array;
  readonly told: Told;
}

export class GroupRound {
  readonly #options: RoundOptions;
  readonly #certificates: readonly Uint8Array[];
  readonly #signers: readonly ReturnType<typeof generateSigner>['signer'][];
  /** Where the page's member stands: neither first nor last. */
  readonly pageAt: number;
  readonly bodies = new Map<number, Uint8Array>();
  readonly exchanges: Exchange[] = [];
  /** Rejects when a member of Node aborts. */
  others: Promise<unknown> = Promise.resolve();
  #state: GroupState | null = null;
  #peers: readonly Peer[] = [];
  #waiting: { readonly at: number; readonly resolve: (told: Told) => void }[] = [];

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#certificates = Array.from({ length: options.members }, (_, i) => Buffer.from(`certificate ${i}`))
      .map(bytes => Uint8Array.from(bytes))
      .sort((a, b) => Buffer.compare(node.sha256(a), node.sha256(b)));
    this.#signers = this.#certificates.map(() => generateSigner().signer);
    this.pageAt = Math.floor(options.members / 2);
  }

  get state(): GroupState {
    if (this.#state === null) throw new Error('the page has not joined');
    return this.#state;
  }

  /** The page's member, with the key it signs with; the others begin. */
  join(publicKey: Uint8Array): Joined {
    this.#peers = this.#certificates.map((certificate, at) => ({
      at,
      certificate: node.sha256(certificate),
      publicKey: at === this.pageAt ? publicKey : this.#signers[at].publicKey,
      organisation: `site-${at}`,
      name: `client-${at}`,
    }));
    const manifest = makeManifest(this.#peers, this.#options.segments);
    const group = this.#peers.map((peer, at) => ({ ...peer, certificate: this.#certificates[at] }));
    this.#state = beginGroup(manifest, group, node);
    const inNode = this.#peers.filter(({ at }) => at !== this.pageAt);
    this.others = Promise.all(inNode.map(({ at }, i) => this.#play(this.joined(at), i < this.#options.leaving)));
    return this.joined(this.pageAt);
  }

  joined(at: number): Joined {
    return { at, manifest: this.state.manifest, peers: this.#peers };
  }

  /** A message of a member, signed; what it is told when the step has closed. */
  async send(at: number, bytes: Uint8Array, body: Uint8Array): Promise<Told> {
    const envelope = decodeEnvelope(bytes);
    verifyEnvelope(envelope, this.#peers[at].publicKey, node);
    const event = { kind: 'message', at, envelope, body: envelope.label === 'group-shares' ? body : null } as const;
    this.#state = stepGroup(this.state, event, node);
    if (envelope.label === 'group-input') this.bodies.set(at, body);
    const { promise, resolve } = Promise.withResolvers<Told>();
    this.#waiting.push({ at, resolve });
    this.#advance();
    const told = await promise;
    if (at === this.pageAt) this.exchanges.push({ envelope: bytes, body, told });
    return told;
  }

  /** The sum over U3 as it opens, and as the inputs add up. */
  async sums(): Promise<{ readonly opened: Int32Array[]; readonly added: Int32Array[] }> {
    const { opening, manifest, why } = this.state;
    if (opening === null) throw new Error(`not opened: ${why}`);
    const masked = opening.survivors.map(at => unpackAll(this.bodies.get(at) ?? new Uint8Array(0), manifest));
    const opened = added(masked, manifest);
    for (const [i, { label, words, bits }] of manifest.segments.entries())
      await applyMasks(opening.masks, { label, length: words, bits }, opened[i], nodeKeystream, node);
    const inputs = opening.survivors.map(at => inputOf(this.joined(at)));
    return { opened, added: added(inputs, manifest) };
  }

  /** The same member in Node, on what the page's was told: every message that it sends, with its body. */
  async twin(secrets: { root: Uint8Array; self: Uint8Array; channel: Uint8Array }, coins: Uint8Array) {
    const sent: { payload: Uint8Array; body: Uint8Array }[] = [];
    const answers = this.exchanges.values();
    const joined = this.joined(this.pageAt);
    let drawn = 0;
    const randomBytes = (count: number) => {
      drawn += count;
      return coins.slice(drawn - count, drawn);
    };
    const primitives = { ...node, randomBytes };
    await playMember(joined, secrets, {
      primitives,
      sign: async ({ payload }) => payload,
      mask: masks => maskedInput(joined, masks),
      async exchange(payload, body) {
        sent.push({ payload, body });
        const { value } = answers.next();
        if (value === undefined) throw new Error('the page has said less');
        return value.told;
      },
    });
    return sent;
  }

  async #play(joined: Joined, isLeaving: boolean): Promise<void> {
    const { at, manifest } = joined;
    const secret = (name: string) => Uint8Array.from(createHash('sha256').update(`${name} of ${at}`).digest());
    const secrets = { root: secret('root'), self: secret('self'), channel: secret('channel') };
    const length = manifest.segments.reduce((sum, { words, bits }) => sum + packedBytes(words, bits), 0);
    const { isComplete } = this.#options;
    const left = new Error('left');
    const ports: MemberPorts = {
      primitives: node,
      sign: async (fields: EnvelopeFields) => encodeEnvelope(signEnvelope(fields, this.#signers[at], node)),
      async mask(masks) {
        return isLeaving || !isComplete ? { packed: new Uint8Array(0), bytes: length } : maskedInput(joined, masks);
      },
      exchange: async (envelope, body) => {
        if (isLeaving && decodeEnvelope(envelope).label === 'group-input') {
          this.#state = stepGroup(this.state, { kind: 'gone', at }, node);
          this.#advance();
          throw left;
        }
        return this.send(at, envelope, body);
      },
    };
    await playMember(joined, secrets, ports).catch(cause => {
      if (cause !== left) throw cause;
    });
  }

  /** Closes every step that all have answered, and tells those who wait: also who comes when the sum is open already. */
  #advance(): void {
    while (!this.#isOver() && isAnswered(this.state)) {
      this.#state = stepGroup(this.state, { kind: 'close' }, node);
      this.#tell();
    }
    if (this.#isOver()) this.#tell();
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      const told = messageFor(this.state, one.at);
      if (told === null) this.#waiting.push(one);
      else one.resolve(told);
    }
  }

  #isOver(): boolean {
    return this.state.stage === 'opened' || this.state.stage === 'void';
  }
}

/** `Joined` and what else the page is given, as CBOR. */
export function encodeJoined(
  joined: Joined,
  secrets: { readonly [name: string]: Uint8Array },
  coins: Uint8Array | null,
): Uint8Array {
  return encodeCbor({ ...joined, secrets, coins });
}

async function maskedInput(joined: Joined, masks: readonly Mask[]) {
  const vectors = inputOf(joined);
  const parts: Uint8Array[] = [];
  for (const [i, { label, words, bits }] of joined.manifest.segments.entries()) {
    await applyMasks(masks, { label, length: words, bits }, vectors[i], nodeKeystream, node);
    parts.push(pack(vectors[i], bits));
  }
  const packed = Uint8Array.from(Buffer.concat(parts));
  return { packed, bytes: packed.length };
}

function unpackAll(body: Uint8Array, { segments }: GroupManifest): Int32Array[] {
  let at = 0;
  return segments.map(({ words, bits }) => {
    const from = at;
    at += packedBytes(words, bits);
    return unpack(body.subarray(from, at), bits, words);
  });
}

/** Sums of all segments, modulo 2^bits. */
function added(vectors: readonly (readonly Int32Array[])[], { segments }: GroupManifest): Int32Array[] {
  return segments.map(({ words, bits }, i) => {
    const sum = new Int32Array(words);
    for (const vector of vectors) for (let j = 0; j < words; j++) sum[j] += vector[i][j];
    return unpack(pack(sum, bits), bits, words);
  });
}

function makeManifest(peers: readonly Peer[], segments: readonly Segment[]): GroupManifest {
  const members = peers.map(({ certificate }) => certificate);
  const [task, draw, model, code] = ['task', 'draw', 'model', 'code'].map(text => node.sha256(Buffer.from(text)));
  const { words, bits } = segments[0];
  const request = { bits, clipNorm: 1, weightMax: null, dimension: words, members: members.length };
  return {
    ...{ federation: 'hearts', task, round: 3, kind: 'train', group: 0, groups: 1, members, draw },
    thresholds: groupThresholds(members.length, { honest: 3, colluders: 0 }),
    segments,
    scaleBits: makeEncoding(request).scaleBits,
    ...{ clipNorm: 1, weightMax: null, model, code, plan: null, stepMs: 10_000 },
  };
}
