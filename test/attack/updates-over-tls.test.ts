/** A member of the cohort that sends what it must not: each update is refused by name, and the others' model is untouched. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RunStatus } from '../../src/coordinator/status.ts';
import { type Envelope, encodeEnvelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { encodePayload, encodeUpdateHead, parseAssignment } from '../../src/core/protocol/message.ts';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { nodePrimitives } from '../../src/node/primitives.ts';
import { type ByHand, byHand, credentialsOf, type Made, makeUpdate, type UpdateForm } from '../federation/by-hand.ts';
import { enrol, temporaryFolder } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import { startClient, startCoordinator } from '../federation/local.ts';
import { operatorOf } from '../federation/operator.ts';
import { smallTask } from '../federation/small-task.ts';

/** What the attacker has at hand in its round. */
interface Situation {
  readonly assignment: Envelope;
  /** Number of parameters. */
  readonly size: number;
  /** Hash of another task that the coordinator knows. */
  readonly otherTask: Uint8Array;
  /** An update that the attacker made for the round before. */
  readonly earlier: Made;
  make(form?: UpdateForm): Made;
}

interface Attack {
  /** What is sent, and the id of the case in must-not.json where there is one. */
  readonly name: string;
  /** The refusal. */
  readonly code: string;
  /** False: it says nothing certain about the sender, who may still answer. */
  readonly counted: boolean;
  send(situation: Situation): Made;
}

const floats = (length: number, value: (i: number) => number): Float32Array =>
  Float32Array.from({ length }, (_, i) => value(i));
const signed = (name: string, code: string, counted: boolean, form: (s: Situation) => UpdateForm): Attack => ({
  name,
  code,
  counted,
  send: situation => situation.make(form(situation)),
});
/** An honest update of which something was altered after it was signed. */
const altered = (field: keyof Envelope, code: string, value: (s: Situation) => unknown): Attack => ({
  name: `altered after signing: ${field}`,
  code,
  counted: false,
  send: situation => {
    const { envelope, tensor } = situation.make();
    return { envelope: { ...envelope, [field]: value(situation) }, tensor };
  },
});
/** The payload with a half-precision float (RFC 8949 §3.3) where a number stood: what our encoder refuses to write. */
const withHalf = (s: Situation, key: 'examples' | 'loss', half: number): UpdateForm => {
  const payload = s.make({ payload: { [key]: 1.5 } }).envelope.payload;
  const at = Buffer.from(payload).indexOf(key) + key.length;
  new DataView(payload.buffer, payload.byteOffset).setUint16(at + 1, half);
  return { envelope: { payload } };
};
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

const evaluation = {
  kind: 'classes' as const,
  examples: 5,
  correct: 3,
  logLoss: 1,
  classCounts: [2, 3],
  auc: null,
  scores: null,
};

const attacks: Attack[] = [
  altered('label', 'bad-request', () => 'evaluation'),
  altered('federation', 'wrong-federation', () => 'elsewhere'),
  altered('task', 'bad-signature', s => s.otherTask),
  altered('round', 'bad-signature', s => s.assignment.round + 1),
  altered('sender', 'wrong-sender', s => flipped(s.make().envelope.sender)),
  altered('payload', 'bad-signature', s => flipped(s.make().envelope.payload)),
  altered('signature', 'bad-signature', s => flipped(s.make().envelope.signature)),
  {
    name: 'tensor altered after signing',
    code: 'bad-digest',
    counted: true,
    send: s => ({ envelope: s.make().envelope, tensor: flipped(s.make().tensor) }),
  },
  signed('of the round to come', 'wrong-round', false, s => ({ envelope: { round: s.assignment.round + 1 } })),
  { name: 'replayed from an earlier round', code: 'wrong-round', counted: false, send: s => s.earlier },
  signed('of another task', 'wrong-task', false, s => ({ envelope: { task: s.otherTask } })),
  signed('of another federation', 'wrong-federation', false, () => ({ envelope: { federation: 'elsewhere' } })),
  signed('NaN (nan-median, nan-krum-legacy)', 'non-finite', true, s => ({
    tensor: floats(s.size, i => (i === s.size - 1 ? Number.NaN : 0)),
  })),
  signed('infinite', 'non-finite', true, s => ({
    tensor: floats(s.size, i => (i === 0 ? Number.POSITIVE_INFINITY : 0)),
  })),
  signed('longer than clipNorm', 'norm-exceeded', true, s => ({ tensor: floats(s.size, () => 1e3) })),
  signed('whose squares overflow', 'norm-exceeded', true, s => ({ tensor: floats(s.size, () => 3e38) })),
  signed('too short, as declared (shape-first-client)', 'malformed', true, s => ({
    tensor: floats(s.size - 1, () => 0),
  })),
  signed('too long, as declared (extra-layer)', 'malformed', true, s => ({ tensor: floats(s.size + 1, () => 0) })),
  signed('too short, not as declared', 'malformed', true, s => ({
    tensor: floats(s.size - 1, () => 0),
    payload: { bytes: 4 * s.size },
  })),
  signed('too long, not as declared', 'malformed', true, s => ({
    tensor: floats(s.size + 1, () => 0),
    payload: { bytes: 4 * s.size },
  })),
  signed('of one shape (shape-broadcast)', 'malformed', true, s => ({
    payload: { shapes: [{ name: 'all', shape: [s.size] }] },
  })),
  signed('of another type (dtype-complex)', 'malformed', true, () => ({ payload: { dtype: 'c64' } })),
  signed('trained from another model', 'malformed', true, () => ({ payload: { model: new Uint8Array(32) } })),
  signed('with an extra field', 'malformed', true, () => ({ payload: { examples2: 1 } as UpdateForm['payload'] })),
  signed('of negative weight (neg-weight)', 'bad-weight', true, () => ({ payload: { examples: -15 } })),
  signed('of weight zero (weight-all-zero)', 'bad-weight', true, () => ({ payload: { examples: 0 } })),
  signed('of weight NaN (weight-nan)', 'malformed', true, s => withHalf(s, 'examples', 0x7e00)),
  signed('of infinite weight', 'malformed', true, s => withHalf(s, 'examples', 0x7c00)),
  signed('whose loss is NaN', 'malformed', true, s => withHalf(s, 'loss', 0x7e00)),
  signed('whose loss would make the mean infinite', 'malformed', true, () => ({ payload: { loss: Number.MAX_VALUE } })),
  signed('whose log loss would make the sum infinite', 'malformed', true, () => ({
    payload: { evaluation: { ...evaluation, logLoss: Number.MAX_VALUE } },
  })),
  signed('whose evaluation contradicts itself', 'malformed', true, () => ({
    payload: { evaluation: { ...evaluation, correct: 9 } },
  })),
];

/** Refused for certain, and counted: the round goes on without the attacker. */
const last = attacks.filter(attack => attack.code === 'non-finite')[0];

describe('a member of the cohort that attacks in every round', () => {
  const honest = ['anna', 'bert'];
  const task = smallTask({ name: 'attacked', minimum: honest.length, rounds: attacks.length });
  const stack = new AsyncDisposableStack();
  const codes: string[] = [];
  let status: RunStatus;
  let model: string;
  let evaluationCode: string;
  let log: readonly LogEvent[];

  before(async () => {
    const folder = temporaryFolder({ after: hook => stack.defer(hook) });
    const enrolled = await enrol(folder, [...honest, 'mallory']);
    const coordinator = await startCoordinator(stack, enrolled);
    for (const name of honest) startClient(stack, enrolled, name);
    const mallory = byHand(stack, enrolled, credentialsOf(enrolled, 'mallory'));
    await mallory.hello();
    const operator = await operatorOf(enrolled, stack);
    const first = mallory.assignment();
    await operator.present(enrolled.clients);
    const id = await operator.submit(task);
    const other = Buffer.from(await operator.submit({ ...task, name: 'other' }), 'hex');
    let earlier: Made | null = null;
    for (const attack of attacks) {
      const assignment = await (earlier === null ? first : mallory.assignment());
      const make = (form?: UpdateForm): Made => makeUpdate(assignment, task, mallory.credentials, form);
      const { parameters: size } = parseAssignment(assignment.payload);
      const situation = { assignment, size, otherTask: new Uint8Array(other), earlier: earlier ?? make(), make };
      codes.push(await send(mallory, id, attack.send(situation)));
      if (!attack.counted) await send(mallory, id, last.send(situation));
      earlier = make();
    }
    evaluationCode = await sendEvaluation(mallory, await mallory.assignment());
    ({ status, model } = await operator.outcome(id));
    log = coordinator.log;
  });
  after(() => stack.disposeAsync());

  for (const [i, attack] of attacks.entries()) {
    test(`sees its update ${attack.name} refused: ${attack.code}`, () => {
      assert.equal(codes[i], attack.code);
      assert.ok(
        log.some(line => line.event === 'refused' && line.client === 'mallory' && line.code === attack.code),
        'the log names the client and the reason',
      );
      const { combined, refused, dropped } = status.reports[i];
      assert.deepEqual({ combined, refused, dropped }, { combined: honest, refused: ['mallory'], dropped: [] });
    });
  }

  test('changes nothing: the model is that of the others alone', async () => {
    assert.equal(model, await expectedModel(task, honest));
  });

  test('sees an evaluation that contradicts itself refused, and left out of the metrics', () => {
    assert.equal(evaluationCode, 'malformed');
    assert.deepEqual(
      status.clients.map(({ client }) => client),
      honest,
    );
  });

  test('finds one line of the log for each refusal', () => {
    const sent = attacks.length + attacks.filter(attack => !attack.counted).length;
    const lines = log.filter(({ event, client }) => event === 'refused' && client === 'mallory');
    assert.equal(lines.length, sent + 1, 'its updates and its evaluation');
  });

  test('is counted, by reason', () => {
    const counted = Object.fromEntries(status.refusals.map(({ client, code, count }) => [`${client} ${code}`, count]));
    for (const code of new Set(attacks.filter(attack => attack.counted).map(attack => attack.code))) {
      const sent = attacks.filter(attack => attack.counted && attack.code === code).length;
      assert.ok(counted[`mallory ${code}`] >= sent, code);
    }
  });
});

async function send({ request }: ByHand, task: string, { envelope, tensor }: Made): Promise<string> {
  const body = Buffer.concat([encodeUpdateHead(envelope), tensor]);
  return (await request('PUT', `/v1/tasks/${task}/rounds/${envelope.round}/update`, body)).code;
}

/** More right answers than questions. */
async function sendEvaluation({ request, credentials }: ByHand, assignment: Envelope): Promise<string> {
  const { model } = parseAssignment(assignment.payload);
  const payload = encodePayload({ model, evaluation: { ...evaluation, correct: 9 }, alone: null, noisyCounts: null });
  const { federation, task, round } = assignment;
  const fields = { label: 'evaluation', federation, task, round, sender: credentials.updateCertificateHash, payload };
  const envelope = signEnvelope(fields, credentials.updateSigner, nodePrimitives);
  const path = `/v1/tasks/${Buffer.from(task).toString('hex')}/rounds/${round}/evaluation`;
  return (await request('PUT', path, encodeEnvelope(envelope))).code;
}
