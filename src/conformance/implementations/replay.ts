/**
 * must-not.json: signed messages that are captured and sent again as something else. True: a signature covers what kind of message it is, all
 * that it says and its place in the run, and one message is taken once.
 */
import { Book, type Loaded } from '../../coordinator/book.ts';
import { takeDecline, takeEvaluation, takeUpdate } from '../../coordinator/inbox.ts';
import type { CoordinatorPorts } from '../../coordinator/ports.ts';
import type { MessageKey, Run, Write } from '../../coordinator/store.ts';
import type { Member } from '../../coordinator/verify.ts';
import { floatsToBytes, fromHex, toHex } from '../../core/bytes/floats.ts';
import { type Envelope, encodeEnvelope, signEnvelope } from '../../core/crypto/envelope.ts';
import { encodePayload, labels, type Update } from '../../core/protocol/message.ts';
import { Problem } from '../../core/protocol/problem.ts';
import { generateSigner, nodePrimitives } from '../../node/primitives.ts';
import type { Implementations } from '../case.ts';
import { forgettingBlobs, taskWith } from './admission.ts';
import { answering } from './bytes.ts';

export const replayMustNotFunctions: Implementations = {
  'must-not/auth-replay': answering(capturedMessageIsWorthNothing),
};

const task = '11'.repeat(32);
const model = '22'.repeat(32);
const federation = 'hospitals';
const shapes = [{ name: 'w', shape: [2] }];

async function capturedMessageIsWorthNothing(): Promise<boolean> {
  const [anna, mallory] = [partyOf('anna', 1), partyOf('mallory', 2)];
  const inbox = new Inbox();
  const captured = anna.update(Float32Array.of(1, 2));
  const other = anna.update(Float32Array.of(3, 4));
  const { payload } = other.envelope;
  const sent = (envelope: Envelope) => ({ ...captured, envelope });
  const forged: [code: string, attempt: Promise<string>][] = [
    // To be another method, body, task, round or federation; and from the channel of somebody else.
    ['bad-request', inbox.decline(anna.member, captured.envelope)],
    ['bad-request', inbox.evaluation(anna.member, captured.envelope)],
    ['bad-signature', inbox.decline(anna.member, { ...captured.envelope, label: labels.decline })],
    ['bad-signature', inbox.evaluation(anna.member, { ...captured.envelope, label: labels.evaluation })],
    ['bad-signature', inbox.update(anna.member, sent({ ...captured.envelope, payload }))],
    ['bad-signature', inbox.update(anna.member, sent({ ...captured.envelope, task: fromHex('33'.repeat(32)) }))],
    ['bad-signature', inbox.update(anna.member, sent({ ...captured.envelope, round: 2 }))],
    ['wrong-federation', inbox.update(anna.member, sent({ ...captured.envelope, federation: 'others' }))],
    ['wrong-sender', inbox.update(mallory.member, captured)],
    ['bad-signature', inbox.update(mallory.member, sent({ ...captured.envelope, sender: mallory.member.certificate }))],
  ];
  for (const [code, attempt] of forged) if ((await attempt) !== code) return false;
  if (inbox.state() !== 'counted 0, refused 0, stored 0') return false;

  const first = await inbox.update(anna.member, captured);
  const again = await inbox.update(anna.member, captured);
  const equivocation = await inbox.update(anna.member, other);
  if (first !== again || first === equivocation || equivocation !== 'equivocation') return false;
  if (inbox.state() !== 'counted 1, refused 0, stored 1') return false;

  // In the next round it is an old message: acknowledged as before, and nothing comes of it.
  inbox.nextRound();
  const late = await inbox.update(anna.member, captured);
  return late === first && inbox.state() === 'counted 0, refused 0, stored 1';
}

interface Sent {
  readonly envelope: Envelope;
  readonly tensor: Uint8Array;
}

/** A member with its key. */
function partyOf(name: string, serial: number) {
  const { signer } = generateSigner();
  const certificate = nodePrimitives.sha256(Uint8Array.of(serial));
  const member: Member = { name, certificate, publicKey: signer.publicKey, serial: String(serial) };
  const update = (values: Float32Array): Sent => {
    const tensor = floatsToBytes(values);
    const message: Update = {
      model: fromHex(model),
      examples: 10,
      steps: 1,
      loss: 0.5,
      dtype: 'f32',
      shapes,
      tensor: nodePrimitives.sha256(tensor),
      bytes: tensor.length,
      evaluation: null,
      withinClip: null,
    };
    const payload = encodePayload(message);
    const fields = { label: labels.update, federation, task: fromHex(task), round: 1, sender: certificate, payload };
    return { envelope: signEnvelope(fields, signer, nodePrimitives), tensor };
  };
  return { member, update };
}

/** The coordinator's inbox in round 1 of a run, over a store in memory. Answers are the receipt in hex, or the code of a refusal. */
class Inbox {
  readonly #book: Book;
  readonly #messages = new Map<string, { payload: Uint8Array; envelope: Uint8Array }>();

  constructor() {
    // A run and ports as far as the inbox reads them.
    const run = { task, round: 1, phase: 'training', model, cohort: ['anna', 'mallory'] } as unknown as Run;
    const empty = { received: [], evaluations: [], refused: [], offenders: [], privacy: null, groups: null };
    const { signer } = generateSigner();
    const ports = {
      federation,
      identity: () => ({ signer, certificate: new Uint8Array(32) }),
      primitives: nodePrimitives,
      store: {
        commit: async (writes: readonly Write[]) => this.#commit(writes),
        message: async (key: MessageKey) => this.#messages.get(nameOf(key)) ?? null,
      },
      blobs: forgettingBlobs,
      clock: { now: () => 0, after: () => () => {} },
      log: () => {},
      step: async () => {},
    } as unknown as CoordinatorPorts;
    this.#book = new Book(ports, []);
    this.#book.active = {
      run: { ...run, ...empty },
      task: taskWith({ rule: 'mean' }),
      taskHash: fromHex(task),
      manifest: shapes,
    } as unknown as Loaded;
  }

  /** What the open round counts, and how many messages were accepted in all. */
  state(): string {
    const { received, refused } = this.#loaded.run;
    return `counted ${received.length}, refused ${refused.length}, stored ${this.#messages.size}`;
  }

  nextRound(): void {
    const { run } = this.#loaded;
    this.#loaded.run = { ...run, round: run.round + 1, received: [], refused: [], offenders: [] };
  }

  update(member: Member, { envelope, tensor }: Sent): Promise<string> {
    const body = async function* () {
      yield tensor;
    };
    return answerOf(() => takeUpdate(this.#book, atOnce, member, { envelope, tensor: body() }));
  }

  decline(member: Member, envelope: Envelope): Promise<string> {
    return answerOf(async () => {
      await takeDecline(this.#book, atOnce, member, envelope);
      return null;
    });
  }

  evaluation(member: Member, envelope: Envelope): Promise<string> {
    return answerOf(() => takeEvaluation(this.#book, atOnce, member, envelope));
  }

  get #loaded(): Loaded {
    if (this.#book.active === null) throw new TypeError('conformance: the run is not open');
    return this.#book.active;
  }

  #commit(writes: readonly Write[]): void {
    for (const write of writes) if (write.put === 'message') this.#messages.set(nameOf(write.key), write);
  }
}

function nameOf({ task, round, label, sender }: MessageKey): string {
  return [task, round, label, sender].join('/');
}

function atOnce<T>(action: () => Promise<T>): Promise<T> {
  return action();
}

async function answerOf(attempt: () => Promise<Envelope | null>): Promise<string> {
  try {
    const receipt = await attempt();
    return receipt === null ? 'taken' : toHex(encodeEnvelope(receipt));
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}
