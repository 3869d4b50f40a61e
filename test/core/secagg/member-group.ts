/** A group of real members, and a coordinator that passes their messages on: all that it tells them can be changed before they hear it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { type EnvelopeFields, encodeEnvelope, signEnvelope } from '../../../src/core/crypto/envelope.ts';
import type { GroupPrimitives } from '../../../src/core/crypto/group-primitives.ts';
import { inclusionProof } from '../../../src/core/crypto/merkle.ts';
import type { Signer } from '../../../src/core/crypto/primitives.ts';
import type { ProblemCode } from '../../../src/core/protocol/problem.ts';
import { boxTree } from '../../../src/core/secagg/dealt.ts';
import {
  type BoxesMessage,
  type MemberLabel,
  type MembersMessage,
  parseInput,
  parseSharesBody,
  parseUnmask,
  type QuorumMessage,
  type SharesBody,
  type SurvivorsMessage,
} from '../../../src/core/secagg/group-message.ts';
import { type GroupManifest, sessionId } from '../../../src/core/secagg/manifest.ts';
import type { Mask } from '../../../src/core/secagg/mask.ts';
import {
  beginMember,
  type MemberAction,
  type MemberEvent,
  type MemberPolicy,
  type MemberSession,
  type MemberState,
  type Peer,
  stepMember,
} from '../../../src/core/secagg/member-machine.ts';
import type { MemberSecrets } from '../../../src/core/secagg/member-state.ts';
import { groupThresholds } from '../../../src/core/secagg/thresholds.ts';
import { nodeGroupPrimitives } from '../../../src/node/group-primitives.ts';
import { signerFromPrivateKey } from '../../../src/node/primitives.ts';

const node = await nodeGroupPrimitives();
/** PKCS#8 in front of an Ed25519 seed (RFC 8410 §7). */
const seedPrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Of a state, in order. */
export const stages = ['keys', 'shares', 'masking', 'input', 'agree', 'unmask'] as const;

export interface GroupOptions {
  readonly size: number;
  readonly honest?: number;
  readonly colluders?: number | null;
  readonly policy?: Partial<MemberPolicy>;
  /** By place; each member its own where it is left out. */
  readonly organisation?: (at: number) => string;
  readonly model?: Uint8Array;
  readonly seed?: string;
}

export interface GroupMember {
  readonly certificate: Uint8Array;
  readonly signer: Signer;
  readonly peer: Peer;
}

/** Members at places 0 to size − 1, and all that they have said so far. */
export class TestGroup {
  readonly primitives: GroupPrimitives;
  readonly manifest: GroupManifest;
  readonly sid: Uint8Array;
  readonly members: readonly GroupMember[];
  readonly sessions: MemberSession[];
  states: MemberState[] = [];
  /** Signed messages by label and place. */
  sent = new Map<string, Uint8Array>();
  bodies = new Map<number, SharesBody>();
  masks = new Map<number, readonly Mask[]>();
  present: number[] = [];
  sharers: number[] = [];
  survivors: number[] = [];
  readonly options: GroupOptions;

  constructor(options: GroupOptions) {
    const { size, honest = 3, colluders = null, organisation = at => `site-${at}`, seed = 'group' } = options;
    this.options = options;
    this.primitives = { ...node, randomBytes: bytesFrom(`${seed}/random`) };
    this.members = makeMembers(size, seed, organisation, this.primitives);
    this.manifest = makeTestManifest(
      this.members.map(({ peer }) => peer.certificate),
      groupThresholds(size, { honest, colluders }),
      options.model,
    );
    this.sid = sessionId(this.manifest, this.primitives);
    this.sessions = this.members.map(({ peer }) => ({
      manifest: this.manifest,
      sid: this.sid,
      at: peer.at,
      certificate: peer.certificate,
      policy: { honest: 3, colluders: 0, setChanges: 'shrink', ...options.policy },
      isPrivate: false,
      redrawRounds: 10,
    }));
  }

  secrets(at: number): MemberSecrets {
    const secret = (name: string) => hashOf(`${this.options.seed}/${at}/${name}`);
    return { root: secret('root'), self: secret('self'), channel: secret('channel') };
  }

  /** Goes on, with nobody dropping out, until all have reached a stage. */
  reach(stage: (typeof stages)[number]): this {
    const all = places(this.members.length);
    const acts = [
      () => this.begin(all),
      () => this.share(all),
      () => this.open(all),
      () => this.input(all),
      () => this.agree(all),
      () => this.unmask(all),
    ];
    const reached = (stages as readonly string[]).indexOf(this.states[0]?.stage);
    for (const act of acts.slice(reached + 1, stages.indexOf(stage) + 1)) act();
    return this;
  }

  /** Gives one member an event and passes on what it says. Throws AssertionError where it aborts. */
  tell(at: number, event: MemberEvent): readonly MemberAction[] {
    const { state, actions } = stepMember(this.states[at], event, this.primitives);
    this.#hear(at, state, actions);
    return actions;
  }

  begin(places: readonly number[]): void {
    this.present = [...places];
    for (const at of places) {
      const { state, actions } = beginMember(this.sessions[at], this.secrets(at), this.primitives);
      this.#hear(at, state, actions);
    }
  }

  share(by: readonly number[]): void {
    this.sharers = [...by];
    const event = this.membersEvent();
    for (const at of by) this.tell(at, event);
  }

  open(by: readonly number[] = this.sharers): void {
    for (const at of by) this.tell(at, { kind: 'boxes', message: this.boxesMessage(at) });
  }

  input(by: readonly number[]): void {
    this.survivors = [...by];
    for (const at of by) this.tell(at, { kind: 'masked', vector: hashOf(`vector ${at}`), bytes: 400 });
  }

  agree(by: readonly number[] = this.survivors): void {
    for (const at of by) this.tell(at, { kind: 'survivors', message: this.survivorsMessage(), memory: null });
  }

  unmask(by: readonly number[], quorum: readonly number[] = by): void {
    for (const at of by) this.tell(at, { kind: 'quorum', message: this.quorumMessage(quorum) });
  }

  membersEvent(): Extract<MemberEvent, { kind: 'members' }> {
    return { kind: 'members', message: this.membersMessage(), peers: this.present.map(at => this.members[at].peer) };
  }

  membersMessage(): MembersMessage {
    const present = this.present.map(at => ({
      at,
      certificate: this.members[at].certificate,
      keys: this.said('group-keys', at),
    }));
    return { sid: this.sid, present };
  }

  boxesMessage(to: number): BoxesMessage {
    const sharers = this.sharers.map(at => ({
      at,
      shares: this.said('group-shares', at),
      sent: at === to ? null : this.#sentTo(to, at),
    }));
    return { sid: this.sid, sharers };
  }

  survivorsMessage(): SurvivorsMessage {
    return { sid: this.sid, survivors: [...this.survivors] };
  }

  quorumMessage(by: readonly number[] = this.survivors): QuorumMessage {
    return { sid: this.sid, agreed: by.map(at => ({ at, agree: this.said('group-agree', at) })) };
  }

  sign(at: number, label: MemberLabel, payload: Uint8Array, changes: Partial<EnvelopeFields> = {}): Uint8Array {
    const { federation, task, round } = this.manifest;
    const { signer, peer } = this.members[at];
    const fields = { label, federation, task, round, sender: peer.certificate, payload, ...changes };
    return encodeEnvelope(signEnvelope(fields, signer, this.primitives));
  }

  said(label: MemberLabel, at: number): Uint8Array {
    const envelope = this.sent.get(`${label} ${at}`);
    assert.ok(envelope, `member ${at} has not sent ${label}`);
    return envelope;
  }

  /** The payload of what the member said last under a label. */
  payload(label: MemberLabel, at: number): Uint8Array {
    const payload = this.sent.get(`${label} ${at} payload`);
    assert.ok(payload, `member ${at} has not sent ${label}`);
    return payload;
  }

  inputOf(at: number) {
    return parseInput(this.payload('group-input', at));
  }

  unmaskOf(at: number) {
    return parseUnmask(this.payload('group-unmask', at));
  }

  #sentTo(to: number, from: number) {
    const body = this.bodies.get(from);
    assert.ok(body);
    const index = body.findIndex(entry => entry.to === to);
    const { mask, channel, box } = body[index];
    return { mask, channel, box, proof: inclusionProof(boxTree(this.sid, from, body, this.primitives), index) };
  }

  #hear(at: number, state: MemberState, actions: readonly MemberAction[]): void {
    this.states[at] = state;
    for (const action of actions) {
      assert.notEqual(action.kind, 'aborted', `member ${at}: ${action.kind === 'aborted' ? action.why : ''}`);
      if (action.kind === 'mask') this.masks.set(at, structuredClone(action.masks));
      if (action.kind !== 'send') continue;
      this.sent.set(`${action.label} ${at}`, this.sign(at, action.label, action.payload));
      this.sent.set(`${action.label} ${at} payload`, action.payload);
      if (action.label === 'group-shares') {
        assert.ok(action.body);
        this.bodies.set(at, parseSharesBody(action.body));
      } else assert.equal(action.body, null);
    }
  }
}

/** A state that the member aborts from at this event, with this problem and words; it says nothing, and nothing ever after. */
export function assertAborts(
  group: TestGroup,
  at: number,
  event: MemberEvent,
  problem: ProblemCode,
  why: RegExp = /./,
): void {
  const state = structuredClone(group.states[at]);
  const next = stepMember(state, event, group.primitives);
  assert.deepEqual(
    next.actions.map(action => action.kind),
    ['aborted'],
  );
  const [action] = next.actions;
  assert.ok(action.kind === 'aborted');
  assert.equal(action.problem, problem, action.why);
  assert.match(action.why, why);
  assert.deepEqual(next.state, { stage: 'aborted' });
  assert.deepEqual(stepMember(next.state, event, group.primitives), { state: next.state, actions: [] });
}

/** 0 to count − 1. */
export function places(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export function hashOf(text: string): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(text).digest());
}

/** Bytes of a hash chain: the same for the same seed. */
export function bytesFrom(seed: string): (count: number) => Uint8Array {
  let next = 0;
  return count => {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 32) bytes.set(hashOf(`${seed}/${next++}`).subarray(0, count - at), at);
    return bytes;
  };
}

export function makeTestManifest(
  members: readonly Uint8Array[],
  thresholds: GroupManifest['thresholds'],
  model: Uint8Array = hashOf('model'),
): GroupManifest {
  return {
    federation: 'hearts',
    task: hashOf('task'),
    round: 7,
    kind: 'train',
    group: 0,
    groups: 1,
    members,
    draw: hashOf('draw'),
    thresholds,
    segments: [{ label: 'update', words: 100, bits: 32 }],
    scaleBits: 16,
    clipNorm: 1,
    weightMax: null,
    model,
    code: hashOf('code'),
    plan: null,
    stepMs: 1000,
  };
}

function makeMembers(
  size: number,
  seed: string,
  organisation: (at: number) => string,
  { sha256 }: GroupPrimitives,
): GroupMember[] {
  const certificates = places(size)
    .map(i => encodeCbor(['a certificate', seed, i]))
    .sort((a, b) => Buffer.compare(sha256(a), sha256(b)));
  return certificates.map((certificate, at) => {
    const signer = signerFromPrivateKey(Buffer.concat([seedPrefix, hashOf(`${seed}/${at}/signer`)]));
    const names = { organisation: organisation(at), name: `client-${at}` };
    return {
      certificate,
      signer,
      peer: { at, certificate: sha256(certificate), publicKey: signer.publicKey, ...names },
    };
  });
}
