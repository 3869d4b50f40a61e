/** A member that breaks the protocol of its group: named with evidence, and not asked again in the run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import { decodeCbor } from '../../src/core/bytes/cbor.ts';
import { toHex } from '../../src/core/bytes/floats.ts';
import { signEnvelope } from '../../src/core/crypto/envelope.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { encodeUpdateHead, parseAssignment } from '../../src/core/protocol/message.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { protectionSchema } from '../../src/core/protocol/protection-settings.ts';
import { parseTask } from '../../src/core/protocol/task.ts';
import { encodeFigures } from '../../src/core/secagg/figures.ts';
import {
  encodeGroupMessage,
  type MemberLabel,
  parseBoxes,
  parseMembers,
  parseQuorum,
  parseSurvivors,
  parseUnmask,
} from '../../src/core/secagg/group-message.ts';
import { roundFigures } from '../../src/core/secagg/make-manifest.ts';
import { type GroupManifest, sessionId } from '../../src/core/secagg/manifest.ts';
import { beginMember, type MemberEvent, type MemberStep, stepMember } from '../../src/core/secagg/member-machine.ts';
import { pack } from '../../src/core/secagg/packing.ts';
import { verifySimulated } from '../../src/simulation/membership.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { World } from '../../src/simulation/world.ts';
import { clientNames, smallTask } from './federation.ts';

const ports = await groupSimulationPorts();
const group = ports.group ?? assert.fail();
const liar = 'site-5';
const rounds = 3;
const base = smallTask({
  seed: 1,
  clients: 6,
  faults: [],
  minimum: 4,
  rounds,
  aggregation: { rule: 'mean', clipNorm: 10 },
});
const groups = { kind: 'group', size: 6, honest: 3, stepSeconds: 5 };
const task = parseTask({ ...base, protection: protectionSchema.parse(groups) });
/** Two words have 5 bytes: behind an odd number of them half a byte is left over. (Weighed alike: there is no word for the weight.) */
const narrow = parseTask({
  ...base,
  aggregation: { rule: 'mean', clipNorm: 10, weightBy: 'uniform' },
  protection: protectionSchema.parse({ ...groups, bits: 20 }),
});

/** Changes what the liar says, before it is signed. */
type Lie = (label: MemberLabel, payload: Uint8Array) => Uint8Array;
/** Changes its masked vectors, packed. */
type Spoil = (packed: Uint8Array, manifest: GroupManifest) => Uint8Array;

/** Plays one round as the machine does, but for the lie. */
async function lieOnce(world: World, lie: Lie, spoil: Spoil): Promise<void> {
  const { federation, identity, channel } = world.connect(liar);
  let envelope = await channel.nextAssignment();
  while (envelope === null) envelope = await channel.nextAssignment();
  const { task: taskHash, round } = envelope;
  const manifest = (
    decodeCbor(parseAssignment(envelope.payload).group?.manifest ?? assert.fail()) as unknown[]
  )[1] as GroupManifest;
  const sid = sessionId(manifest, ports.primitives);
  const at = manifest.members.findIndex(hash => toHex(hash) === toHex(identity.certificate));
  const random = (): Uint8Array => ports.primitives.randomBytes(32);
  const policy = { honest: 3, colluders: 0, setChanges: 'shrink' } as const;
  const session = { manifest, sid, at, certificate: identity.certificate, policy, isPrivate: false, redrawRounds: 10 };
  let packed = new Uint8Array(0);
  const act = async ({ state, actions }: MemberStep): Promise<MemberStep> => {
    for (const action of actions) {
      if (action.kind === 'aborted') throw new Problem(action.problem, action.why);
      if (action.kind === 'send') {
        const payload = lie(action.label, action.payload);
        const fields = {
          label: action.label,
          federation,
          task: taskHash,
          round,
          sender: identity.certificate,
          payload,
        };
        const signed = signEnvelope(fields, identity.signer, ports.primitives);
        const body = action.label === 'group-input' ? packed : (action.body ?? new Uint8Array(0));
        await channel.sendGroup(toHex(taskHash), round, encodeUpdateHead(signed), body);
      }
      if (action.kind === 'mask') {
        const figures = encodeFigures(
          { weight: 1, loss: 1, evaluation: null, alone: null },
          roundFigures(task, 'train', true),
        );
        const parts: Uint8Array[] = [];
        for (const { label, words, bits } of manifest.segments) {
          const vector = label === 'figures' ? figures : new Int32Array(words);
          if (label === 'update') vector[words - 1] = 1;
          await group.applyMasks(action.masks, { label, length: words, bits }, vector);
          parts.push(pack(vector, bits));
        }
        packed = Uint8Array.from(spoil(new Uint8Array(Buffer.concat(parts)), manifest));
        const vector = ports.primitives.sha256(packed);
        return act(stepMember(state, { kind: 'masked', vector, bytes: packed.length }, group.primitives));
      }
    }
    return { state, actions: [] };
  };
  const secrets = { root: random(), self: random(), channel: random() };
  let { state } = await act(beginMember(session, secrets, group.primitives));
  for (let after = 'group-manifest'; after !== 'group-end'; ) {
    const told = await channel.nextGroup(toHex(taskHash), round, after);
    if (told === null) continue;
    after = told.label;
    if (after === 'group-end') return;
    ({ state } = await act(stepMember(state, eventOf(after, told.payload), group.primitives)));
  }
}

function eventOf(label: string, payload: Uint8Array): MemberEvent {
  switch (label) {
    case 'group-members': {
      const message = parseMembers(payload);
      const peers = message.present.map(({ at, certificate }) => {
        const { name, publicKey, certificate: hash } = verifySimulated(certificate, ports.primitives);
        return { at, name, organisation: name, publicKey, certificate: hash };
      });
      return { kind: 'members', message, peers };
    }
    case 'group-boxes':
      return { kind: 'boxes', message: parseBoxes(payload) };
    case 'group-survivors':
      return { kind: 'survivors', message: parseSurvivors(payload), memory: null };
    default:
      return { kind: 'quorum', message: parseQuorum(payload) };
  }
}

async function runWith(lie: Lie, spoil: Spoil = packed => packed, asked = task): Promise<World> {
  const world = new World({
    ports,
    seed: 3,
    clients: clientNames(6).map(name => ({
      name,
      trainerFor:
        name === liar ? null : async (_task, clock) => syntheticTrainer(name, taskManifest(asked), clock, () => 100),
    })),
  });
  world.clock.after(1000, () => world.submit(asked));
  world.clock.after(500, () => void lieOnce(world, lie, spoil).catch(() => undefined));
  assert.ok(await world.run(3_600_000));
  assert.deepEqual(world.defects, []);
  return world;
}

test('a false share in R4 opens nothing wrong; its sender is named, with evidence, and not asked again', async () => {
  const world = await runWith((label, payload) => {
    if (label !== 'group-unmask') return payload;
    const message = parseUnmask(payload);
    const [first, ...rest] = message.self;
    return encodeGroupMessage({ ...message, self: [{ ...first, share: first.share.map(byte => byte ^ 1) }, ...rest] });
  });
  const { reports, refusals } = await world.status();
  assert.deepEqual(
    reports.map(({ groups }) => [groups?.[0].outcome, groups?.[0].members.includes(liar), groups?.[0].blamed]),
    [
      ['opened', true, [liar]],
      ['opened', false, []],
      ['opened', false, []],
    ],
  );
  assert.deepEqual(refusals, [{ client: liar, code: 'bad-share', count: 1 }]);
  assert.deepEqual(reports[0].refused, [liar]);
});

test('what is no message of its step is refused by name, and the others go on without its sender', async () => {
  const world = await runWith((label, payload) => (label === 'group-shares' ? Uint8Array.of(0x80) : payload));
  const { reports, refusals } = await world.status();
  assert.equal(reports[0].groups?.[0].outcome, 'opened');
  assert.ok(!reports[0].groups?.[0].survivors.includes(liar));
  assert.deepEqual(refusals, [{ client: liar, code: 'malformed', count: 1 }]);
});

test('an input with anything behind its words is refused as it comes, so that the sum of the others opens', async () => {
  const honest: Lie = (_label, payload) => payload;
  const spoil: Spoil = (packed, { segments: [{ words, bits }] }) => {
    assert.equal((words * bits) % 8, 4, 'this vector has no padding');
    const last = Math.ceil((words * bits) / 8) - 1;
    return packed.with(last, packed[last] | 128);
  };
  const { reports, refusals } = await (await runWith(honest, spoil, narrow)).status();
  assert.equal(reports[0].groups?.[0].outcome, 'opened');
  assert.ok(!reports[0].groups?.[0].survivors.includes(liar));
  assert.deepEqual(refusals, [{ client: liar, code: 'malformed', count: 1 }]);
});
