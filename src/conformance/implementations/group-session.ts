/** A group session in this process: real members, and a coordinator that tells each of them whatever the caller likes. */
import { encodeEnvelope, signEnvelope } from '../../core/crypto/envelope.ts';
import type { GroupPrimitives } from '../../core/crypto/group-primitives.ts';
import type { Signer } from '../../core/crypto/primitives.ts';
import { beginGroup, type GroupState, messageFor, stepGroup } from '../../core/secagg/group-machine.ts';
import {
  encodeGroupMessage,
  parseBoxes,
  parseMembers,
  parseQuorum,
  parseSurvivors,
} from '../../core/secagg/group-message.ts';
import { type GroupManifest, sessionId } from '../../core/secagg/manifest.ts';
import {
  beginMember,
  type MemberAction,
  type MemberEvent,
  type MemberSession,
  type MemberState,
  type MemberStep,
  type Peer,
  stepMember,
} from '../../core/secagg/member-machine.ts';
import { makeAgree } from '../../core/secagg/member-unmask.ts';
import { groupThresholds, type Thresholds } from '../../core/secagg/thresholds.ts';
import { generateSigner } from '../../node/primitives.ts';

/** Messages of the coordinator, in their order; each closes a step of the members. */
export const tellings = ['members', 'boxes', 'survivors', 'quorum'] as const;
export type Telling = (typeof tellings)[number];

/** What a member did after one thing that it heard. */
export interface Reaction {
  /** Labels of the messages that it sent. */
  readonly sent: readonly string[];
  /** Why it gave the session up; null where it goes on. */
  readonly problem: string | null;
}

interface Party {
  readonly peer: Peer;
  readonly signer: Signer;
  readonly certificate: Uint8Array;
  state: MemberState | null;
}

type Sent = Extract<MemberAction, { readonly kind: 'send' }>;

export class GroupSession {
  readonly manifest: GroupManifest;
  readonly sid: Uint8Array;
  readonly #parties: readonly Party[];
  readonly #primitives: GroupPrimitives;
  /** An honest coordinator, where the caller lets it speak. */
  #group: GroupState;
  readonly #inbox: { at: number; sent: Sent }[] = [];

  /** @param altered thresholds in place of those that are right for so many members. */
  constructor(members: number, primitives: GroupPrimitives, altered: Partial<Thresholds> = {}) {
    const { sha256 } = primitives;
    const parties = Array.from({ length: members }, (_, i) => {
      const certificate = Uint8Array.of(i);
      return { certificate, hash: sha256(certificate), signer: generateSigner().signer };
    }).sort((a, b) => Buffer.compare(a.hash, b.hash));
    this.#parties = parties.map(({ certificate, hash, signer }, at) => {
      const [name, organisation] = [`member-${at}`, `hospital-${at}`];
      return {
        peer: { at, certificate: hash, publicKey: signer.publicKey, organisation, name },
        signer,
        certificate,
        state: null,
      };
    });
    this.#primitives = primitives;
    const [task, draw, model, code] = ['task', 'draw', 'model', 'code'].map(text => sha256(Buffer.from(text)));
    this.manifest = {
      federation: 'hospitals',
      task,
      round: 1,
      kind: 'train',
      group: 0,
      groups: 1,
      members: parties.map(({ hash }) => hash),
      draw,
      thresholds: { ...groupThresholds(members, { honest: 3, colluders: null }), ...altered },
      segments: [{ label: 'figures', words: 8, bits: 32 }],
      scaleBits: 0,
      clipNorm: 1,
      weightMax: null,
      model,
      code,
      plan: null,
      stepMs: 1000,
    };
    this.sid = sessionId(this.manifest, primitives);
    const group = this.#parties.map(({ peer, certificate }) => ({ ...peer, certificate }));
    this.#group = beginGroup(this.manifest, group, primitives);
  }

  get places(): readonly number[] {
    return this.#parties.map(({ peer }) => peer.at);
  }

  /** The member hears the manifest, with a policy that asks for 3 honest inputs. */
  begin(at: number): Reaction {
    const secret = () => this.#primitives.randomBytes(32);
    const secrets = { root: secret(), self: secret(), channel: secret() };
    return this.#react(at, beginMember(this.#session(at), secrets, this.#primitives));
  }

  /** Every member hears the manifest and every message up to this one, all of them true; null: the manifest alone. */
  honestUntil(last: Telling | null): void {
    for (const at of this.places) this.begin(at);
    for (const telling of last === null ? [] : tellings.slice(0, tellings.indexOf(last) + 1)) {
      this.collect();
      for (const at of this.places) this.tell(at, telling, this.truth(at));
    }
  }

  /** The honest coordinator takes what was sent since, and closes the step. */
  collect(): void {
    for (const { at, sent } of this.#inbox.splice(0)) {
      const envelope = this.#sign(at, sent.label, sent.payload);
      const event = { kind: 'message', at, envelope, body: sent.body } as const;
      this.#group = stepGroup(this.#group, event, this.#primitives);
    }
    this.#group = stepGroup(this.#group, { kind: 'close' }, this.#primitives);
  }

  /** Whether the honest coordinator tells the member just this now. */
  canTell(at: number, telling: Telling): boolean {
    return messageFor(this.#group, at)?.label === `group-${telling}`;
  }

  /** What the honest coordinator tells the member now. Throws TypeError where it has nothing to say. */
  truth(at: number): Uint8Array {
    const message = messageFor(this.#group, at);
    if (message === null) throw new TypeError(`conformance: nothing to tell member ${at}`);
    return message.payload;
  }

  /** The member hears this payload as a message of that kind. After the boxes its vector is masked at once. Throws Problem for a payload that is none. */
  tell(at: number, telling: Telling, payload: Uint8Array): Reaction {
    const heard = this.#hear(at, this.#event(telling, payload));
    const isMasking = this.#parties[at].state?.stage === 'masking';
    if (telling !== 'boxes' || !isMasking || heard.problem !== null) return heard;
    return this.#hear(at, { kind: 'masked', vector: new Uint8Array(32), bytes: 32 });
  }

  survivorsMessage(survivors: readonly number[]): Uint8Array {
    return encodeGroupMessage({ sid: this.sid, survivors: [...survivors] });
  }

  /** A quorum of these signers, each on the sets that it is said to have seen: what a colluder signs for anybody. */
  quorumMessage(signers: readonly { at: number; survivors: readonly number[] }[]): Uint8Array {
    const agreed = signers.map(({ at, survivors }) => {
      const message = makeAgree({ sid: this.sid }, this.places, survivors, this.#primitives);
      return { at, agree: encodeEnvelope(this.#sign(at, 'group-agree', encodeGroupMessage(message))) };
    });
    return encodeGroupMessage({ sid: this.sid, agreed });
  }

  /** The payloads that members have sent under this label since they were last collected. */
  sentAs(label: string): { readonly at: number; readonly payload: Uint8Array }[] {
    return this.#inbox
      .filter(({ sent }) => sent.label === label)
      .map(({ at, sent }) => ({ at, payload: sent.payload }));
  }

  #event(telling: Telling, payload: Uint8Array): MemberEvent {
    switch (telling) {
      case 'members': {
        const message = parseMembers(payload);
        return { kind: 'members', message, peers: message.present.map(({ at }) => this.#parties[at].peer) };
      }
      case 'boxes':
        return { kind: 'boxes', message: parseBoxes(payload) };
      case 'survivors':
        return { kind: 'survivors', message: parseSurvivors(payload), memory: null };
      case 'quorum':
        return { kind: 'quorum', message: parseQuorum(payload) };
    }
  }

  #session(at: number): MemberSession {
    const { certificate } = this.#parties[at].peer;
    const policy = { honest: 3, colluders: 1, setChanges: 'shrink' } as const;
    const { manifest, sid } = this;
    return { manifest, sid, at, certificate, policy, isPrivate: false, redrawRounds: 1 };
  }

  #hear(at: number, event: MemberEvent): Reaction {
    const { state } = this.#parties[at];
    if (state === null) throw new TypeError(`conformance: member ${at} has not begun`);
    return this.#react(at, stepMember(state, event, this.#primitives));
  }

  #react(at: number, { state, actions }: MemberStep): Reaction {
    this.#parties[at].state = state;
    const sent = actions.filter(action => action.kind === 'send');
    this.#inbox.push(...sent.map(one => ({ at, sent: one })));
    const end = actions.find(action => action.kind === 'aborted');
    return { sent: sent.map(({ label }) => label), problem: end?.problem ?? null };
  }

  #sign(at: number, label: string, payload: Uint8Array) {
    const { federation, task, round } = this.manifest;
    const { peer, signer } = this.#parties[at];
    const fields = { label, federation, task, round, sender: peer.certificate, payload };
    return signEnvelope(fields, signer, this.#primitives);
  }
}
