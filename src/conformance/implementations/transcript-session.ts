/** Plays a group session with given secrets, coefficients and coins, and writes down every byte of it. */
import { fromHex, toHex } from '../../core/bytes/floats.ts';
import { type Envelope, signEnvelope } from '../../core/crypto/envelope.ts';
import type { GroupPrimitives, Keystream } from '../../core/crypto/group-primitives.ts';
import { nobleSigner } from '../../core/crypto/noble-primitives.ts';
import type { Signer } from '../../core/crypto/primitives.ts';
import { applyMasks } from '../../core/secagg/apply-masks.ts';
import { boxKey, channelKeyPair, maskCoins, openBox, setHash } from '../../core/secagg/derive.ts';
import { beginGroup, type GroupState, messageFor, stepGroup } from '../../core/secagg/group-machine.ts';
import {
  type MemberLabel,
  parseAgree,
  parseBoxes,
  parseBoxText,
  parseInput,
  parseKeys,
  parseMembers,
  parseQuorum,
  parseShares,
  parseSharesBody,
  parseSurvivors,
  parseUnmask,
} from '../../core/secagg/group-message.ts';
import { encodeManifest, type GroupManifest, sessionId } from '../../core/secagg/manifest.ts';
import type { Mask } from '../../core/secagg/mask.ts';
import { streamKey } from '../../core/secagg/mask-plan.ts';
import {
  beginMember,
  type MemberEvent,
  type MemberState,
  type MemberStep,
  type Peer,
  stepMember,
} from '../../core/secagg/member-machine.ts';
import type { HeldShares } from '../../core/secagg/member-state.ts';
import { pack, unpack } from '../../core/secagg/packing.ts';
import {
  hexOrNull,
  manifestOf,
  sessionSteps,
  type Transcript,
  type TranscriptInput,
  type TranscriptMember,
  told,
  toldEnvelope,
} from './transcript.ts';

/** The transcript of the session that follows from an input. Throws TypeError where a member aborts or the sum does not open. */
export async function makeTranscript(
  input: TranscriptInput,
  primitives: GroupPrimitives,
  keystream: Keystream,
): Promise<Transcript> {
  const session = new Session(input, primitives, keystream);
  return session.play();
}

interface Party {
  readonly given: TranscriptMember;
  readonly signer: Signer;
  readonly certificate: Uint8Array;
  readonly peer: Peer;
  /** With this member's coefficients and coins in place of a generator. */
  readonly primitives: GroupPrimitives;
  state: MemberState | null;
  /** Signed messages and what follows them, by label. */
  readonly sent: Map<MemberLabel, { readonly envelope: Envelope; readonly body: Uint8Array | null }>;
  masks: readonly Mask[];
  own: HeldShares | null;
}

class Session {
  readonly #manifest: GroupManifest;
  readonly #sid: Uint8Array;
  readonly #parties: readonly Party[];
  readonly #primitives: GroupPrimitives;
  readonly #keystream: Keystream;
  #group: GroupState;
  readonly #packed = new Map<number, ReadonlyMap<string, Uint8Array>>();
  readonly #told: Record<string, unknown> = {};

  constructor({ manifest, members }: TranscriptInput, primitives: GroupPrimitives, keystream: Keystream) {
    this.#manifest = manifestOf(manifest);
    this.#sid = sessionId(this.#manifest, primitives);
    this.#primitives = primitives;
    this.#keystream = keystream;
    this.#parties = members.map((given, at) => {
      const signer = nobleSigner(fromHex(given.signingSeed));
      const certificate = fromHex(given.certificate);
      const [name, organisation] = [`member-${at}`, `site-${at}`];
      const peer = { at, certificate: primitives.sha256(certificate), publicKey: signer.publicKey, organisation, name };
      const own = { ...primitives, randomBytes: drawsOf(given) };
      return { given, signer, certificate, peer, primitives: own, state: null, sent: new Map(), masks: [], own: null };
    });
    const group = this.#parties.map(({ certificate, peer }) => ({ ...peer, certificate }));
    this.#group = beginGroup(this.#manifest, group, primitives);
  }

  async play(): Promise<Transcript> {
    for (const party of this.#sending('keys')) this.#begin(party);
    this.#collect('keys');
    for (const party of this.#sending('shares')) {
      const message = parseMembers(this.#hear(party, 'members'));
      const peers = message.present.map(({ at }) => this.#parties[at].peer);
      this.#step(party, { kind: 'members', message, peers });
      party.own = party.state?.stage === 'shares' ? structuredClone(party.state.own) : null;
    }
    this.#collect('shares');
    for (const party of this.#sending('input')) {
      this.#step(party, { kind: 'boxes', message: parseBoxes(this.#hear(party, 'boxes')) });
      const { vector, bytes } = await this.#mask(party);
      this.#step(party, { kind: 'masked', vector, bytes });
    }
    this.#collect('input');
    for (const party of this.#sending('agree')) {
      const message = parseSurvivors(this.#hear(party, 'survivors'));
      this.#step(party, { kind: 'survivors', message, memory: null });
    }
    this.#collect('agree');
    for (const party of this.#sending('unmask'))
      this.#step(party, { kind: 'quorum', message: parseQuorum(this.#hear(party, 'quorum')) });
    this.#collect('unmask');
    for (const party of this.#parties) this.#hear(party, 'end');
    return {
      manifest: { cbor: toHex(encodeManifest(this.#manifest)), sid: toHex(this.#sid) },
      keys: this.#each('group-keys', party => this.#keysOf(party)),
      shares: this.#each('group-shares', party => this.#sharesOf(party)),
      inputs: this.#each('group-input', party => this.#inputOf(party)),
      agreed: this.#each('group-agree', party => this.#agreedBy(party)),
      unmasked: this.#each('group-unmask', party => this.#unmaskedBy(party)),
      told: this.#told,
      opening: await this.#opening(),
    };
  }

  #sending(step: (typeof sessionSteps)[number]): Party[] {
    return this.#parties.filter(({ given }) => sessionSteps.indexOf(given.lastStep) >= sessionSteps.indexOf(step));
  }

  #begin(party: Party): void {
    const { given, peer, primitives } = party;
    const { root, self, channel } = given;
    const secrets = { root: fromHex(root), self: fromHex(self), channel: fromHex(channel) };
    const policy = { honest: 3, colluders: 0, setChanges: 'shrink' } as const;
    const session = {
      manifest: this.#manifest,
      sid: this.#sid,
      at: peer.at,
      certificate: peer.certificate,
      ...{ policy, isPrivate: false, redrawRounds: 1 },
    };
    this.#take(party, beginMember(session, secrets, primitives));
  }

  #step(party: Party, event: MemberEvent): void {
    if (party.state === null) throw new TypeError('transcript: the member has not begun');
    this.#take(party, stepMember(party.state, event, party.primitives));
  }

  #take(party: Party, { state, actions }: MemberStep): void {
    party.state = state;
    for (const action of actions) {
      if (action.kind === 'aborted') throw new TypeError(`transcript: a member aborts: ${action.why}`);
      if (action.kind === 'mask') party.masks = structuredClone(action.masks);
      if (action.kind !== 'send') continue;
      const { federation, task, round } = this.#manifest;
      const fields = { label: action.label, federation, task, round, sender: party.peer.certificate };
      const envelope = signEnvelope({ ...fields, payload: action.payload }, party.signer, this.#primitives);
      party.sent.set(action.label, { envelope, body: action.body });
    }
  }

  #collect(step: (typeof sessionSteps)[number]): void {
    for (const { peer, sent } of this.#sending(step)) {
      const message = sent.get(`group-${step}`);
      if (message === undefined) throw new TypeError(`transcript: member ${peer.at} has not sent its ${step}`);
      this.#group = stepGroup(this.#group, { kind: 'message', at: peer.at, ...message }, this.#primitives);
    }
    this.#group = stepGroup(this.#group, { kind: 'close' }, this.#primitives);
  }

  #hear({ peer }: Party, what: 'members' | 'boxes' | 'survivors' | 'quorum' | 'end'): Uint8Array {
    const message = messageFor(this.#group, peer.at);
    if (message?.label !== `group-${what}`) throw new TypeError(`transcript: member ${peer.at} is not told of ${what}`);
    const bytes = told(message.payload, this.#primitives.sha256);
    if (what === 'boxes') this.#told[what] = { ...(this.#told[what] ?? {}), [peer.at]: bytes };
    else this.#told[what] = bytes;
    return message.payload;
  }

  async #mask({ peer, given, masks }: Party): Promise<{ vector: Uint8Array; bytes: number }> {
    const packed = new Map<string, Uint8Array>();
    for (const { label, words, bits } of this.#manifest.segments) {
      const vector = Int32Array.from(given.words[label]);
      await applyMasks(masks, { label, length: words, bits }, vector, this.#keystream, this.#primitives);
      packed.set(label, pack(vector, bits));
    }
    this.#packed.set(peer.at, packed);
    const all = Buffer.concat([...packed.values()]);
    return { vector: this.#primitives.sha256(all), bytes: all.length };
  }

  #each(label: MemberLabel, tell: (party: Party) => object): unknown[] {
    return this.#parties.flatMap(party => {
      const sent = party.sent.get(label);
      if (sent === undefined) return [];
      return [{ at: party.peer.at, ...tell(party), ...toldEnvelope(sent.envelope, this.#primitives.sha256) }];
    });
  }

  #payload({ peer, sent }: Party, label: MemberLabel): Uint8Array {
    const message = sent.get(label);
    if (message === undefined) throw new TypeError(`transcript: member ${peer.at} has not sent ${label}`);
    return message.envelope.payload;
  }

  #keysOf(party: Party) {
    const { maskKey, channelKey } = parseKeys(this.#payload(party, 'group-keys'));
    const { publicKey, certificate } = party.peer;
    return {
      sender: toHex(certificate),
      publicKey: toHex(publicKey),
      maskKey: toHex(maskKey),
      channelKey: toHex(channelKey),
    };
  }

  #sharesOf(party: Party) {
    const { sha256 } = this.#primitives;
    const header = parseShares(this.#payload(party, 'group-shares'));
    const body = party.sent.get('group-shares')?.body;
    if (!body || party.own === null) throw new TypeError('transcript: no boxes');
    const entries = parseSharesBody(body).map(entry => this.#boxOf(party, entry));
    return {
      present: toHex(header.present),
      shareRoot: toHex(header.shareRoot),
      selfCommitment: toHex(header.selfCommitment),
      boxRoot: toHex(header.boxRoot),
      ownShares: sharesText(party.own),
      boxes: entries,
      body: told(body, sha256),
    };
  }

  /** A box with all that makes it. */
  #boxOf({ given, peer }: Party, entry: ReturnType<typeof parseSharesBody>[number]) {
    const { kem } = this.#primitives;
    const { to, mask, channel, box } = entry;
    const root = fromHex(given.root);
    const receiver = parseKeys(this.#payload(this.#parties[to], 'group-keys'));
    const coins = mask === null ? null : maskCoins(root, this.#sid, to, this.#primitives);
    const pair = coins === null ? null : kem.encapsulate(receiver.maskKey, coins.slice());
    const keyPair = channelKeyPair(fromHex(this.#parties[to].given.channel), this.#primitives);
    const secret = kem.decapsulate(channel, keyPair);
    const key = boxKey(secret, { sid: this.#sid, dealer: peer.at, to, channel }, this.#primitives);
    const text = openBox(box, key, this.#primitives);
    if (text === null) throw new TypeError('transcript: a box does not open');
    return {
      to,
      maskCoins: hexOrNull(coins),
      mask: hexOrNull(mask),
      pairSecret: hexOrNull(pair?.secret ?? null),
      channel: toHex(channel),
      channelSecret: toHex(secret),
      key: toHex(key),
      ...sharesText(parseBoxText(text)),
      box: toHex(box),
    };
  }

  #inputOf(party: Party) {
    const { at } = party.peer;
    const input = parseInput(this.#payload(party, 'group-input'));
    const others = this.#group.sharers.filter(other => other !== at);
    const masks = party.masks.map((mask, i) => ({ with: i === 0 ? null : others[i - 1], ...this.#maskOf(mask) }));
    const packed = this.#packed.get(at) ?? [];
    const vectors = Object.fromEntries([...packed].map(([label, bytes]) => [label, toHex(bytes)]));
    return { sharers: toHex(input.sharers), masks, vectors, digest: toHex(input.vector), bytes: input.bytes };
  }

  #maskOf({ seed, sign }: Mask) {
    const keys = this.#manifest.segments.map(({ label, words, bits }) => {
      const key = streamKey(seed, { label, length: words, bits }, this.#primitives);
      return [label, toHex(key)];
    });
    return { sign, seed: toHex(seed), streamKeys: Object.fromEntries(keys) };
  }

  #agreedBy(party: Party) {
    const { sharers, survivors } = parseAgree(this.#payload(party, 'group-agree'));
    return { sharers: toHex(sharers), survivors: toHex(survivors) };
  }

  #unmaskedBy(party: Party) {
    const { self, root } = parseUnmask(this.#payload(party, 'group-unmask'));
    const listed = (list: typeof self) =>
      list.map(({ of, share, proof }) => ({ of, share: toHex(share), proof: proof.map(toHex) }));
    return { self: listed(self), root: listed(root) };
  }

  async #opening() {
    const { opening, why, present, sharers, survivors, quorum } = this.#group;
    if (opening === null) throw new TypeError(`transcript: the sum does not open: ${why}`);
    const sums: Record<string, { packed: string; words: number[] }> = {};
    for (const { label, words, bits } of this.#manifest.segments) {
      const sum = new Int32Array(words);
      for (const at of survivors) {
        const vector = unpack(this.#packed.get(at)?.get(label) ?? new Uint8Array(0), bits, words);
        for (let i = 0; i < words; i++) sum[i] += vector[i];
      }
      await applyMasks(opening.masks, { label, length: words, bits }, sum, this.#keystream, this.#primitives);
      // Two's complement of `bits` bits.
      const signed = Array.from(sum, word => (word << (32 - bits)) >> (32 - bits));
      sums[label] = { packed: toHex(pack(sum, bits)), words: signed };
    }
    const sets = { present: [...present], sharers: [...sharers], survivors: [...survivors], quorum: [...quorum] };
    const hashes = Object.fromEntries(
      (['present', 'sharers', 'survivors'] as const).map(name => [
        name,
        toHex(setHash(name, this.#sid, sets[name], this.#primitives)),
      ]),
    );
    return { sets, hashes, masks: opening.masks.map(mask => this.#maskOf(mask)), sums };
  }
}

function sharesText({ self, selfProof, root, rootProof }: Omit<HeldShares, 'dealer'>) {
  return {
    self: toHex(self),
    selfProof: selfProof.map(toHex),
    root: toHex(root),
    rootProof: rootProof.map(toHex),
  };
}

/** What a member draws, in the order in which it does: coefficients of 33 bytes, of `self` then of `root`, and coins of 64 bytes. */
function drawsOf({ selfCoefficients, rootCoefficients, coins }: TranscriptMember): (count: number) => Uint8Array {
  const coefficients = [...selfCoefficients, ...rootCoefficients];
  const others = coins.filter(one => one !== null);
  return count => {
    const next = (count === 33 ? coefficients : others).shift();
    if (next?.length !== 2 * count) throw new TypeError(`transcript: no ${count} bytes are left to draw`);
    return fromHex(next);
  };
}
