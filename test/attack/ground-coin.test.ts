/** A coordinator that steers the grouping of a running federation: what members and coin parties refuse of its messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import { type CoinDeal, coinDeal } from '../../src/client/coin-deal.ts';
import type { MemberPorts } from '../../src/client/group-ports.ts';
import { groupSession } from '../../src/client/group-session.ts';
import type { ClientPorts } from '../../src/client/ports.ts';
import { compareBytes } from '../../src/core/bytes/cbor.ts';
import { encodeEnvelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import type { Assignment } from '../../src/core/protocol/message.ts';
import { encodeTask, parseTask } from '../../src/core/protocol/task.ts';
import { commitment, type DrawContext, drawRoot, type PartyValue } from '../../src/core/secagg/coin.ts';
import { type CoinEvidence, coinLabels, encodeCoinMessage } from '../../src/core/secagg/coin-message.ts';
import { drawHash } from '../../src/core/secagg/draw.ts';
import { makeManifest } from '../../src/core/secagg/make-manifest.ts';
import { encodeManifest } from '../../src/core/secagg/manifest.ts';
import { simulatedIdentity, verifySimulated } from '../../src/simulation/membership.ts';
import { smallTask } from '../simulation/federation.ts';

const ports = await groupSimulationPorts();
const { primitives } = ports;
const federation = 'groups';
const parties = ['anna', 'bert', 'cleo'];
const names = [...parties, 'dora', 'emil', 'fina', 'gert', 'hans', 'ines'];
const redrawRounds = 4;
const task = parseTask({
  ...smallTask({ seed: 1, clients: 9, minimum: 9, faults: [], rounds: 20 }),
  protection: { kind: 'group', size: 4, honest: 3, colluders: 0, coin: parties, redrawRounds },
});
const taskHash = primitives.sha256(encodeTask(task));
const clients = names
  .map(name => ({ name, ...simulatedIdentity('client', name, primitives, ports.signerOf) }))
  .sort((a, b) => compareBytes(a.certificate, b.certificate));
const cohort = clients.map(({ certificate }) => certificate);
const model = primitives.sha256(Uint8Array.of(1));
const build = 'test';

interface Toss {
  /** In which everything is signed. */
  readonly round: number;
  readonly epoch: number;
  readonly draw: number;
  /** What the parties reveal for. */
  readonly cohort: readonly Uint8Array[];
  readonly parties: readonly string[];
  /** By party. */
  readonly secrets: (party: string) => Uint8Array;
}

const honestToss: Toss = {
  round: 5,
  epoch: 1,
  draw: 0,
  cohort,
  parties,
  secrets: party => primitives.sha256(Buffer.from(party)),
};

/** What parties that follow the protocol sign. */
function evidence(changes: Partial<Toss> = {}): CoinEvidence {
  const toss = { ...honestToss, ...changes };
  const { round, epoch, draw } = toss;
  const context: DrawContext = { federation, task: taskHash, epoch, draw: Math.min(draw, 1) };
  const signers = toss.parties.map(party => {
    const found = clients.find(({ name }) => name === party);
    assert.ok(found !== undefined);
    return found;
  });
  const committed = signers.map(({ name, certificate }): PartyValue => {
    return { party: certificate, value: commitment(toss.secrets(name), context, certificate, primitives) };
  });
  const root = drawRoot(context, toss.cohort, committed, primitives);
  const sign = ({ signer, certificate: sender }: (typeof clients)[number], label: string, payload: Uint8Array) =>
    encodeEnvelope(signEnvelope({ label, federation, task: taskHash, round, sender, payload }, signer, primitives));
  return signers.map((party, i) => ({
    certificate: party.document,
    commit: sign(party, coinLabels.commit, encodeCoinMessage({ epoch, draw, commitment: committed[i].value })),
    reveal: sign(party, coinLabels.reveal, encodeCoinMessage({ epoch, draw, root, secret: toss.secrets(party.name) })),
  }));
}

const memberPorts = {
  ...(ports.group as NonNullable<typeof ports.group>),
  verifyMember: document => verifySimulated(document, primitives),
  policy: { honest: 3, colluders: 0, setChanges: 'shrink' },
  build,
} satisfies MemberPorts;

/** The member that is dealt, and attacked. */
const own = clients[0];
// Nothing else of its ports is asked for.
const clientPorts = { federation, primitives, group: memberPorts, identity: () => own } as object as ClientPorts;

interface Claim {
  readonly coin: CoinEvidence;
  readonly round?: number;
  readonly cohort?: readonly Uint8Array[];
  /** The groups that the coordinator claims; by default those of the coin. */
  readonly groups?: (dealt: CoinDeal['groups']) => CoinDeal['groups'];
}

/** The group that the member joins, told this. Throws what it refuses with. */
async function joined({ coin, round = 5, cohort: told = cohort, groups: claim = dealt => dealt }: Claim) {
  const bytes = encodeCoinMessage(coin);
  const about = { task, taskHash, round } as Parameters<typeof coinDeal>[0];
  const assignment = (manifest: Uint8Array): Assignment => ({
    kind: 'train',
    model,
    parameters: 1,
    evaluate: false,
    remainingMs: 1000,
    cohort: told.length,
    noiseMultiplier: null,
    clipNorm: null,
    group: { manifest, cohort: [...told], coin: bytes },
  });
  const dealt = await coinDeal({ ...about, assignment: assignment(new Uint8Array(0)) }, clientPorts);
  assert.ok(dealt !== null);
  const at = told.findIndex(hash => compareBytes(hash, own.certificate) === 0);
  const groups = claim(dealt.groups);
  const group = groups.findIndex(places => places.includes(at));
  const manifest = makeManifest({
    ...{ task, taskHash, federation, round, kind: 'train', evaluate: false, model, build, primitives },
    ...{ group, groups: groups.length, members: groups[group].map(place => told[place]) },
    draw: drawHash(told, bytes, primitives),
  });
  const session = groupSession({ ...about, assignment: assignment(encodeManifest(manifest)) }, clientPorts, dealt);
  assert.ok(session !== null);
  return session;
}

const refused = (why: RegExp) => ({ code: 'bad-request', message: why });

test('a member joins the group that it deals itself, by a coin that all parties stand for', async () => {
  const { manifest, deal } = await joined({ coin: evidence() });
  assert.equal(manifest.groups, 2);
  assert.deepEqual(deal, { epoch: 1, draw: 0 });
  await joined({ coin: evidence({ draw: 1 }), round: 8 });
});

test('ground-groups: a member refuses a cohort that is dealt otherwise than by the coin', async () => {
  const swap = (dealt: CoinDeal['groups']) => {
    const [first, second] = dealt;
    const [mine, other] = first.includes(0) ? [first, second] : [second, first];
    const stranger = mine.find(place => place !== 0) ?? 0;
    const swapped = [...mine.filter(place => place !== stranger), other[0]].sort((a, b) => a - b);
    return [swapped, [...other.slice(1), stranger].sort((a, b) => a - b)];
  };
  await assert.rejects(joined({ coin: evidence(), groups: swap }), refused(/manifest of the group is not the one/));
});

test('ground-groups: a member refuses a cohort that the parties did not reveal for', async () => {
  // The coordinator has seen the secrets, and looks for the cohort whose deal it likes.
  const others = cohort.filter((_, place) => place !== 4);
  await assert.rejects(joined({ coin: evidence(), cohort: others }), refused(/a reveal for another cohort/));
  await joined({ coin: evidence({ cohort: others }), cohort: others });
});

test('ground-groups: a member refuses the coin of another epoch, whichever way it is shown', async () => {
  for (const round of [4, 9]) await assert.rejects(joined({ coin: evidence(), round }), refused(/another draw/));
  await assert.rejects(joined({ coin: evidence({ epoch: 2 }) }), refused(/another draw/));
});

test('ground-groups: a member refuses a third draw', async () => {
  await assert.rejects(joined({ coin: evidence({ draw: 2 }) }), refused(/draw/));
});

test('ground-groups: a member refuses a coin of other parties than the task names, or of too few', async () => {
  for (const others of [
    ['anna', 'bert', 'dora'],
    ['anna', 'bert', 'cleo', 'dora'],
  ])
    await assert.rejects(joined({ coin: evidence({ parties: others }) }), refused(/not those that the task names/));
  const twice = evidence();
  await assert.rejects(joined({ coin: [twice[0], twice[1], twice[1]] }), refused(/not those that the task names/));
  await assert.rejects(joined({ coin: evidence().slice(0, 2) }), { code: 'bad-request' });
});

test('ground-groups: a member refuses words that a party did not sign, and a secret that it did not commit to', async () => {
  const [first, ...rest] = evidence();
  const other = evidence({ secrets: party => primitives.sha256(Buffer.from(`another of ${party}`)) });
  await assert.rejects(joined({ coin: [{ ...first, reveal: other[0].reveal }, ...rest] }), refused(/another cohort/));
  const forged = first.reveal.slice();
  forged[forged.length - 1] ^= 1;
  await assert.rejects(joined({ coin: [{ ...first, reveal: forged }, ...rest] }), refused(/bad-signature/));
  await assert.rejects(joined({ coin: [{ ...first, reveal: rest[0].reveal }, ...rest] }), refused(/this party/));
});
