/**
 * A model of its own for each member (Pasquini, Francati, Ateniese 2022): where all others are made to answer with nothing, the sum of the group
 * is the update of the victim.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { decodeEnvelope } from '../../src/core/crypto/envelope.ts';
import { sessionId } from '../../src/core/secagg/manifest.ts';
import { stepMember } from '../../src/core/secagg/member-machine.ts';
import { GroupHost, type PlayerSettings, player } from '../client/group-host.ts';
import {
  added,
  assertAborts,
  copyOf,
  hashOf,
  inputOf,
  openedShares,
  pairMasks,
  places,
  recover,
  selfMask,
  stripped,
  sum,
  TestGroup,
  vectorOf,
  words,
} from './secagg-session.ts';

const [size, victim] = [6, 2];
const all = places(size);
const others = all.filter(at => at !== victim);
/** What a dead model makes of everybody's rows: no gradient. */
const nothing = new Int32Array(words);
const contribution = (at: number) => (at === victim ? inputOf(at) : nothing);

const session = new TestGroup({ size }).reach('shares');
/** The victim trained from the living model, everybody else from the dead one that the manifest names. */
const living = hashOf('a model that lets rows through');
const split = victimMasks(living);
session.open();
session.input(all);
session.agree();
session.unmask(all);

/** The masks of the victim's real machine where it trained from another model, under the session's own id. */
function victimMasks(model: Uint8Array) {
  const { manifest } = session;
  const state = structuredClone(session.states[victim]);
  assert.ok(state.stage === 'shares');
  const tricked = { ...state, session: { ...state.session, manifest: { ...manifest, model } } };
  const event = { kind: 'boxes', message: session.boxesMessage(victim) } as const;
  const [action] = stepMember(tricked, event, session.primitives).actions;
  assert.ok(action.kind === 'mask');
  return structuredClone(action.masks);
}

/** The sum as the coordinator opens it, with all self seeds that members have given it. */
async function opened(vectors: readonly Int32Array[]): Promise<Int32Array> {
  const own = all.map(at => selfMask(session, at, recover(session, openedShares(session, all, 'self', at))));
  return stripped(sum(vectors), own, session);
}

test('where seeds do not know of the model, the sum is the update of the victim', async () => {
  const vectors = await Promise.all(all.map(at => vectorOf(session, at, session.masks.get(at), contribution(at))));
  assert.deepEqual(await opened(vectors), inputOf(victim));
});

test('masks of members that trained from different models cancel nowhere: the sum is noise', async () => {
  const vectors = await Promise.all(
    all.map(at => vectorOf(session, at, at === victim ? split : session.masks.get(at), contribution(at))),
  );
  const total = await opened(vectors);
  assert.equal(total.filter((word, i) => word === inputOf(victim)[i]).length, 0);
  // Between this and the update stand both halves of every mask of the victim.
  const { root } = session.secrets(victim);
  const theirs = pairMasks(session, victim, root).map(
    ({ seed, sign }) => ({ seed, sign: sign === 1 ? -1 : 1 }) as const,
  );
  const mine = pairMasks(session, victim, root, living);
  assert.deepEqual(await stripped(total, [...mine, ...theirs], session), inputOf(victim));
  assert.equal(openedShares(session, all, 'root', victim).size, 0, 'and its root is never opened beside its self seed');
});

test('when the victim is called lost, its root opens the masks of the others alone: its vector stays under its own', async () => {
  const vector = await vectorOf(session, victim, split);
  const { root } = session.secrets(victim);
  const left = await stripped(vector, pairMasks(session, victim, root, living), session);
  assert.notDeepEqual(left, inputOf(victim));
  const self = split.slice(0, 1);
  assert.deepEqual(await added(inputOf(victim), self, session), left);
});

test('the models of a session stand in its manifest: another one is another session, whose messages no member takes', () => {
  const group = new TestGroup({ size }).reach('keys');
  const manifest = { ...group.manifest, model: living };
  const sid = sessionId(manifest, group.primitives);
  assert.notDeepEqual(sid, group.sid);
  const other = new TestGroup({ size });
  other.sessions[victim] = { ...other.sessions[victim], manifest, sid };
  other.begin(all);
  // Everybody else hears of the victim's keys, signed for the other session; the victim of theirs.
  const event = other.membersEvent();
  for (const at of others) assertAborts(other, at, event, 'group-altered', /of another session/);
  assertAborts(other, victim, event, 'group-altered', /of another session/);
  const lured = { ...event, message: { ...event.message, sid } };
  assertAborts(copyOf(other), victim, lured, 'group-altered', /the keys of member 0/);
});

test('a client trains from the model that its manifest names, and says nothing when it is given another', async () => {
  const host = new GroupHost();
  const other = Float32Array.from(host.model, value => value + 1);
  const channel: PlayerSettings['channel'] = line => ({ ...line, model: async () => floatsToBytes(other.slice()) });
  await assert.rejects(player(host, 0, { channel }).run(), { code: 'bad-digest' });
  assert.equal(host.sent.length, 0);
});

test('clients whose manifests name different models never come together', async () => {
  const [dead, alive] = [0, 1].map(value => new GroupHost({ model: new GroupHost().model.map(() => value) }));
  // The coordinator relays between the two sessions: everybody else is in the dead one.
  const relayed: PlayerSettings['channel'] = line => ({
    ...line,
    sendGroup: async (_task, _round, head, body) => dead.receive(0, decodeEnvelope(head.subarray(4)), body),
  });
  const lured = player(alive, 0, { channel: relayed });
  await lured.run();
  assert.deepEqual(
    lured.log.map(({ event, code }) => code ?? event),
    ['group-joined', 'wrong-round'],
  );
  assert.equal(dead.state.keys.size, 0);
});
