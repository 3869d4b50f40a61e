import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { inclusionProof, merkleRoot, merkleTree } from '../../../src/core/crypto/merkle.ts';
import type { ProblemCode } from '../../../src/core/protocol/problem.ts';
import { boxTree } from '../../../src/core/secagg/dealt.ts';
import { boxKey, openBox, sealBox, setHash, shareLeaf } from '../../../src/core/secagg/derive.ts';
import {
  type BoxEntry,
  type BoxesMessage,
  type BoxText,
  encodeGroupMessage,
  parseBoxText,
  parseKeys,
  parseShares,
  type SharesMessage,
} from '../../../src/core/secagg/group-message.ts';
import { stepMember } from '../../../src/core/secagg/member-machine.ts';
import type { Masking } from '../../../src/core/secagg/member-state.ts';
import { assertAborts, hashOf, places, TestGroup } from './member-group.ts';

/** Five members, of which four must stay; all have sent their shares. Member 1 lies, in the name of whoever lies. */
const group = new TestGroup({ size: 5 }).reach('shares');
const { primitives, sid } = group;
const me = 2;
const liar = 1;
type Sharer = BoxesMessage['sharers'][number];

function refuses(message: BoxesMessage, problem: ProblemCode, why: RegExp): void {
  assertAborts(group, me, { kind: 'boxes', message }, problem, why);
}

/** The honest message of these sharers, the entry of one of them changed. */
function withEntry(at: number, change: (sharer: Sharer) => Sharer): BoxesMessage {
  const message = group.boxesMessage(me);
  return { ...message, sharers: message.sharers.map(one => (one.at === at ? change(one) : one)) };
}

function of(sharers: readonly number[]): BoxesMessage {
  const message = group.boxesMessage(me);
  return { ...message, sharers: sharers.map(at => message.sharers[at]) };
}

function headerOf(at: number): SharesMessage {
  return parseShares(group.payload('group-shares', at));
}

function entryOf(from: number, to: number): BoxEntry {
  const entry = group.bodies.get(from)?.find(one => one.to === to);
  assert.ok(entry);
  return entry;
}

/** What the liar signs in the place of its own R1, consistent with the boxes that it sends. */
function lie(changes: Partial<BoxEntry>, header: Partial<SharesMessage> = {}): BoxesMessage {
  const body = (group.bodies.get(liar) ?? []).map(entry => (entry.to === me ? { ...entry, ...changes } : entry));
  const tree = boxTree(sid, liar, body, primitives);
  const index = body.findIndex(entry => entry.to === me);
  const { mask, channel, box } = body[index];
  const signed = encodeGroupMessage({ ...headerOf(liar), boxRoot: tree.root, ...header });
  return withEntry(liar, () => ({
    at: liar,
    shares: group.sign(liar, 'group-shares', signed),
    sent: { mask, channel, box, proof: inclusionProof(tree, index) },
  }));
}

/** A box of the liar for this member that holds the text. */
function sealed(text: Uint8Array): Pick<BoxEntry, 'channel' | 'box'> {
  const { channelKey } = parseKeys(group.payload('group-keys', me));
  const { ciphertext: channel, secret } = primitives.kem.encapsulate(channelKey, primitives.randomBytes(64));
  const key = boxKey(secret, { sid, dealer: liar, to: me, channel }, primitives);
  return { channel, box: sealBox(text, key, primitives) };
}

/** What this member makes of a message that it goes on with. */
function read(message: BoxesMessage): Masking {
  const { state } = stepMember(structuredClone(group.states[me]), { kind: 'boxes', message }, primitives);
  assert.ok(state.stage === 'masking', JSON.stringify(state));
  return state;
}

/** What the liar's honest box to this member holds. */
function honestText(): BoxText {
  const held = read(group.boxesMessage(me)).held.find(({ dealer }) => dealer === liar);
  assert.ok(held);
  const { self, selfProof, root, rootProof } = held;
  return { self, selfProof: [...selfProof], root, rootProof: [...rootProof] };
}

test('boxes of honest members hold two shares of each, and nothing is complained about', () => {
  const { sharers, held, complaints, masks } = read(group.boxesMessage(me));
  assert.deepEqual(sharers, places(5));
  assert.deepEqual(held.map(({ dealer }) => dealer).sort(), places(5));
  assert.deepEqual(complaints, []);
  assert.equal(masks.length, 5);
});

test('early-dropout: masks are made with U2 only', () => {
  const { masks, held, sharers } = read(of([0, 2, 3, 4]));
  assert.deepEqual(sharers, [0, 2, 3, 4]);
  assert.equal(held.length, 4);
  const signs = masks.map(({ sign }) => sign).sort();
  assert.deepEqual(signs, [-1, 1, 1, 1], 'itself and two after it, one before it');
});

test('small-cohort: too few sharers end the session', () => {
  refuses(of([0, 2, 3]), 'group-small', /3 members, where 4 must stay/);
});

test('the sharers are members that were present, ascending, and this one with them', () => {
  refuses(of([0, 1, 3, 4]), 'group-altered', /this member sent its shares and is not among the sharers/);
  refuses(of([0, 2, 1, 3, 4]), 'group-altered', /not in ascending order/);
  refuses(of([0, 1, 2, 2, 3]), 'group-altered', /not in ascending order/);
  const later = new TestGroup({ size: 5 });
  later.begin(places(5));
  later.present = [0, 1, 2, 4];
  later.share(later.present);
  const message = { ...later.boxesMessage(me), sharers: group.boxesMessage(me).sharers };
  assertAborts(
    later,
    me,
    { kind: 'boxes', message },
    'group-altered',
    /was shown other members|was not among the members/,
  );
});

test('split-sets: a member that was shown other members is refused', () => {
  const present = setHash('present', sid, [0, 1, 2, 3], primitives);
  refuses(lie({}, { present }), 'group-altered', /member 1 was shown other members than this one/);
});

test('a header that its member did not sign, or signed elsewhere, is refused', () => {
  const payload = group.payload('group-shares', liar);
  const sender = group.members[liar].peer.certificate;
  const swap = (shares: Uint8Array) => withEntry(liar, sharer => ({ ...sharer, shares }));
  refuses(swap(group.sign(3, 'group-shares', payload, { sender })), 'bad-signature', /bad-signature/);
  refuses(
    swap(group.sign(liar, 'group-shares', payload, { round: 8 })),
    'group-altered',
    /no group-shares of member 1/,
  );
  refuses(swap(group.said('group-shares', 3)), 'group-altered', /no group-shares of member 1/);
  refuses(swap(group.said('group-keys', liar)), 'group-altered', /no group-shares of member 1/);
  refuses(swap(Uint8Array.of(7)), 'bad-request', /envelope/);
  refuses(swap(group.sign(liar, 'group-shares', encodeCbor(null))), 'malformed', /payload/);
  refuses(lie({}, { sid: hashOf('another session') }), 'group-altered', /header of member 1: of another session/);
  refuses({ ...group.boxesMessage(me), sid: hashOf('another') }, 'group-altered', /another session/);
});

test('the header of this member is the one that it sent', () => {
  const other = encodeGroupMessage({ ...headerOf(me), shareRoot: hashOf('another root') });
  const shares = group.sign(me, 'group-shares', other);
  refuses(
    withEntry(me, sharer => ({ ...sharer, shares })),
    'group-altered',
    /the header of this member/,
  );
  const sent = group.boxesMessage(me).sharers[liar].sent;
  refuses(
    withEntry(me, sharer => ({ ...sharer, sent })),
    'group-altered',
    /the header of this member/,
  );
});

test('bad-share: boxes and ciphertexts that their dealer did not sign are refused', () => {
  const others = group.boxesMessage(3).sharers;
  for (const at of [0, 1, 3, 4]) {
    const why = new RegExp(`member ${at} did not sign|not all there`);
    const change = (changes: object) =>
      withEntry(at, sharer => ({ ...sharer, sent: sharer.sent && { ...sharer.sent, ...changes } }));
    const [first, ...rest] = group.boxesMessage(me).sharers[at].sent?.proof ?? [];
    refuses(change({ box: entryOf(at, (at + 1) % 5 === me ? 0 : (at + 1) % 5).box }), 'group-altered', why);
    refuses(change({ channel: entryOf(at === 0 ? 1 : 0, me).channel }), 'group-altered', why);
    refuses(change({ proof: rest }), 'group-altered', why);
    refuses(change({ proof: [hashOf('another'), ...rest] }), 'group-altered', why);
    refuses(change({ proof: [first, first, ...rest] }), 'group-altered', why);
    refuses(
      withEntry(at, () => others[at === 3 ? 0 : at]),
      'group-altered',
      /./,
    );
    refuses(
      withEntry(at, sharer => ({ ...sharer, sent: null })),
      'group-altered',
      /not all there/,
    );
  }
});

test('a mask ciphertext comes from each that encapsulates to this member, and from nobody else', () => {
  const { mask } = entryOf(liar, me);
  assert.ok(mask);
  const change = (at: number, changed: Uint8Array | null) =>
    withEntry(at, sharer => ({ ...sharer, sent: sharer.sent && { ...sharer.sent, mask: changed } }));
  refuses(change(liar, null), 'group-altered', /what member 1 sent this one is not all there/);
  refuses(change(3, mask), 'group-altered', /what member 3 sent this one is not all there/);
  refuses(lie({ mask: null }), 'group-altered', /not all there/);
});

test('weak-seed: a mask ciphertext of low order ends the session', () => {
  // The last 32 bytes are a point of X25519.
  const mask = Uint8Array.from(entryOf(liar, me).mask ?? []).fill(0, 1088);
  refuses(lie({ mask }), 'malformed', /the mask that member 1 sent is none/);
});

test('bad-share: a box with another share is complained about with its key, and the session goes on without it', () => {
  const text = honestText();
  const others = hashOf('another share');
  const faults: BoxText[] = [
    { ...text, self: others },
    { ...text, root: others },
    { ...text, self: text.root, root: text.self },
    { ...text, selfProof: text.rootProof },
    { ...text, rootProof: [] },
  ];
  for (const bytes of [...faults.map(encodeGroupMessage), encodeCbor('nonsense'), new Uint8Array(0)]) {
    const { channel, box } = sealed(bytes);
    const { complaints, held, masks } = read(lie({ channel, box }));
    assert.deepEqual(
      complaints.map(({ dealer }) => dealer),
      [liar],
    );
    assert.deepEqual(held.map(({ dealer }) => dealer).sort(), [0, 2, 3, 4]);
    assert.equal(masks.length, 5, 'the mask with the liar stays');
    assert.deepEqual(openBox(box, complaints[0].key, primitives), bytes, 'everybody can see what the box held');
  }
});

test('bad-share: a false share with a proof of the dealer’s own making is complained about', () => {
  const { at } = group.sessions[liar];
  const share = hashOf('false share');
  const leaves = places(5).flatMap(to => [
    shareLeaf(sid, at, to, 'self', share),
    shareLeaf(sid, at, to, 'root', share),
  ]);
  const tree = merkleTree(leaves, primitives);
  const proofs = { selfProof: inclusionProof(tree, 2 * me), rootProof: inclusionProof(tree, 2 * me + 1) };
  const { channel, box } = sealed(encodeGroupMessage({ self: share, root: share, ...proofs }));
  assert.equal(read(lie({ channel, box })).complaints.length, 1);
  // Under a root that holds them they are shares like others: only t of them together show what they are worth.
  const shareRoot = merkleRoot(leaves, primitives);
  assert.deepEqual(read(lie({ channel, box }, { shareRoot })).complaints, []);
});

test('bad-share: a box that does not open accuses nobody', () => {
  const { channel } = sealed(encodeGroupMessage(honestText()));
  const broken = [{ channel }, { box: new Uint8Array(40) }, { channel: Uint8Array.from(channel).fill(0, 1088) }];
  for (const changes of broken) {
    const { complaints, held } = read(lie(changes));
    assert.deepEqual(complaints, []);
    assert.deepEqual(held.map(({ dealer }) => dealer).sort(), [0, 2, 3, 4]);
  }
});

test('copied-ciphertext: a complaint about a box opens no other box that carries the same ciphertext', () => {
  const honest = entryOf(0, me);
  const pair = group.states[me].stage === 'shares' ? group.states[me].channelPair : assert.fail();
  // The liar cannot know the secret of what it copies. Had it, its box would open and be complained about: the worst case.
  const secret = primitives.kem.decapsulate(honest.channel, pair);
  const key = boxKey(secret, { sid, dealer: liar, to: me, channel: honest.channel }, primitives);
  const box = sealBox(encodeCbor('false'), key, primitives);
  const { complaints } = read(lie({ channel: honest.channel, box }));
  assert.deepEqual(
    complaints.map(({ dealer }) => dealer),
    [liar],
  );
  assert.equal(openBox(honest.box, complaints[0].key, primitives), null);
  const own = boxKey(secret, { sid, dealer: 0, to: me, channel: honest.channel }, primitives);
  const text = openBox(honest.box, own, primitives);
  assert.ok(text);
  assert.equal(parseBoxText(text).self.length, 32);
});

test('complaints leave with the input', () => {
  const { channel, box } = sealed(encodeCbor('nonsense'));
  const state = read(lie({ channel, box }));
  const { complaints } = structuredClone(state);
  const { actions } = stepMember(state, { kind: 'masked', vector: hashOf('vector'), bytes: 12 }, primitives);
  const [action] = actions;
  assert.ok(action.kind === 'send' && action.label === 'group-input' && action.body === null);
  const sharers = setHash('sharers', sid, places(5), primitives);
  assert.deepEqual(
    action.payload,
    encodeGroupMessage({ sid, sharers, vector: hashOf('vector'), bytes: 12, complaints }),
  );
});
