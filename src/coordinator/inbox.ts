/** The inbox: messages of clients, each verified, accepted once, acknowledged by a signed receipt, or refused by name. */
import { sameBytes, toHex } from '../core/bytes/floats.ts';
import { type Envelope, encodeEnvelope, signEnvelope } from '../core/crypto/envelope.ts';
import { type DeclineReason, declineAdvice, declineCode } from '../core/protocol/decline.ts';
import {
  encodePayload,
  labels,
  parseDecline,
  parseEvaluationReport,
  parseUpdate,
  type UpdateBody,
} from '../core/protocol/message.ts';
import { Problem, type ProblemCode } from '../core/protocol/problem.ts';
import { passed } from '../core/protocol/stage.ts';
import { markTold } from '../core/protocol/told.ts';
import { admit, updateKey } from './admit.ts';
import type { Book, Loaded } from './book.ts';
import { checkReport } from './evaluation.ts';
import { without } from './group-record.ts';
import { depart } from './group-session.ts';
import { answered } from './run.ts';
import type { Admitted, Verified } from './stages.ts';
import type { MessageKey, Refusal, Run, Write } from './store.ts';
import { type Member, verifyContext, verifyOrigin } from './verify.ts';

/** Refusals for what a signed message holds: its sender did not do what the task asks. All others say nothing about the sender. */
const blamed = new Set<ProblemCode>([
  'malformed',
  'non-finite',
  'norm-exceeded',
  'bad-weight',
  'bad-digest',
  'too-large',
]);

/** Takes an update: verify → admit → store. The same bytes again give the same receipt. Throws Problem. */
export async function takeUpdate(
  book: Book,
  exclusively: Exclusively,
  member: Member,
  body: UpdateBody,
): Promise<Envelope> {
  const { envelope } = body;
  const { federation, primitives } = book.ports;
  verifyOrigin(envelope, member, { federation, label: labels.update }, primitives);
  const known = await earlierReceipt(book, envelope, member.name);
  if (known !== null) return known;
  return blaming(book, exclusively, envelope, member, async () => {
    const loaded = openFor(book, envelope, member.name);
    const update = parseUpdate(envelope.payload);
    const verified = passed<Verified>({ client: member.name, envelope, update, tensor: body.tensor });
    await book.ports.step('update-verified');
    const { run, task, manifest } = loaded;
    const admitted = await admit(verified, { ...book.ports, run, task, manifest });
    return exclusively(() => store(book, member.name, envelope, admitted));
  });
}

/** Stores an admitted update, unless the round closed meanwhile: then nothing of it stays. */
async function store(book: Book, client: string, envelope: Envelope, admitted: Admitted): Promise<Envelope> {
  const raced = await earlierReceipt(book, envelope, client);
  if (raced !== null) return raced;
  const { received, payload, envelope: bytes } = admitted;
  let open: Run;
  try {
    open = openFor(book, envelope, client).run;
  } catch (error) {
    await book.ports.blobs.remove(updateKey(toHex(envelope.task), envelope.round, client, received.tensor));
    throw error;
  }
  const offenders = open.offenders.filter(offender => offender !== client);
  await book.commit({ ...open, offenders, received: [...open.received, received] }, [
    { put: 'message', key: keyOf(envelope, client), payload, envelope: bytes },
  ]);
  await book.ports.step('update-stored');
  return receiptFor(book, envelope);
}

/**
 * Takes a client's word that it cannot train or evaluate. It counts as an answer, so that nobody waits for it; one that cannot take
 * part in the task at all is not asked again in this run until it introduces itself anew. Throws Problem.
 */
export async function takeDecline(
  book: Book,
  exclusively: Exclusively,
  member: Member,
  envelope: Envelope,
): Promise<void> {
  const { federation, primitives } = book.ports;
  verifyOrigin(envelope, member, { federation, label: labels.decline }, primitives);
  const { reason } = parseDecline(envelope.payload);
  await exclusively(async () => {
    const { run } = openFor(book, envelope, member.name);
    if (answered(run).has(member.name)) return;
    await book.commit({ ...without(run, member.name), refused: [...run.refused, member.name] }, [
      declined(book, envelope, member.name, reason),
    ]);
    depart(book, member.name);
    if (reason === 'cannot-train') book.decline(run.task, member.name);
  });
}

/** Takes a client's evaluation of the final model. The same bytes again give the same receipt. Throws Problem. */
export async function takeEvaluation(
  book: Book,
  exclusively: Exclusively,
  member: Member,
  envelope: Envelope,
): Promise<Envelope> {
  const { federation, primitives } = book.ports;
  verifyOrigin(envelope, member, { federation, label: labels.evaluation }, primitives);
  const known = await earlierReceipt(book, envelope, member.name);
  if (known !== null) return known;
  return blaming(book, exclusively, envelope, member, () =>
    exclusively(async () => {
      const raced = await earlierReceipt(book, envelope, member.name);
      if (raced !== null) return raced;
      const { run, task } = openFor(book, envelope, member.name);
      if (run.phase !== 'evaluating') throw new Problem('round-closed');
      const report = parseEvaluationReport(envelope.payload);
      if (toHex(report.model) !== run.model) throw new Problem('malformed', 'evaluated another model');
      checkReport(report, task);
      const { evaluation, alone, noisyCounts } = report;
      const record = { client: member.name, evaluation, alone, noisyCounts };
      await book.commit({ ...run, evaluations: [...run.evaluations, record] }, [
        {
          put: 'message',
          key: keyOf(envelope, member.name),
          payload: primitives.sha256(envelope.payload),
          envelope: encodeEnvelope(envelope),
        },
      ]);
      await book.ports.step('evaluation-stored');
      return receiptFor(book, envelope);
    }),
  );
}

/** Where the serial number of the certificate lies under which a client last sent what it must not. */
export const serialSetting = (client: string): string => `serial/${client}`;

/** Runs a transition after all earlier ones, then whatever has become due. */
export type Exclusively = <T>(action: () => Promise<T>) => Promise<T>;

/** Signs a message of the coordinator. */
export function signAsCoordinator(
  book: Book,
  label: string,
  task: Uint8Array,
  round: number,
  payload: Uint8Array,
): Envelope {
  const { federation, primitives, identity } = book.ports;
  const { signer, certificate } = identity();
  return signEnvelope({ label, federation, task, round, sender: certificate, payload }, signer, primitives);
}

export function receiptFor(book: Book, envelope: Envelope): Envelope {
  const payload = encodePayload({ label: envelope.label, payload: book.ports.primitives.sha256(envelope.payload) });
  return signAsCoordinator(book, labels.receipt, envelope.task, envelope.round, payload);
}

/** The receipt of a message stored before; Problem `equivocation` when other bytes were. Both are kept. */
export async function earlierReceipt(book: Book, envelope: Envelope, client: string): Promise<Envelope | null> {
  const { store, primitives } = book.ports;
  const stored = await store.message(keyOf(envelope, client));
  if (stored === null) return null;
  if (sameBytes(stored.payload, primitives.sha256(envelope.payload))) return receiptFor(book, envelope);
  const problem = new Problem('equivocation');
  await store.commit([refusal(book, envelope, client, problem)]);
  throw problem;
}

/** The run under way, if it is open for this message of this client. Throws Problem. */
export function openFor(book: Book, envelope: Envelope, client: string): Loaded {
  const loaded = book.active;
  if (loaded === null) throw new Problem('round-closed');
  verifyContext(envelope, loaded.run);
  const { cohort, refused, groups } = loaded.run;
  if (cohort === null) throw new Problem('round-closed');
  if (!cohort.includes(client)) throw new Problem('not-in-cohort');
  if (refused.includes(client)) throw new Problem('round-closed', 'an earlier message of this round was refused');
  const isOwn = envelope.label === labels.update || envelope.label === labels.evaluation;
  if (groups !== null && isOwn) throw new Problem('malformed', 'what a group adds up is not shown alone');
  return loaded;
}

/** Counts and names the sender of a message that is refused; the round goes on without it. */
export async function blaming(
  book: Book,
  exclusively: Exclusively,
  envelope: Envelope,
  member: Member,
  action: () => Promise<Envelope>,
): Promise<Envelope> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Problem) || !blamed.has(error.code)) throw error;
    const client = member.name;
    await exclusively(async () => {
      const write = refusal(book, envelope, client, error);
      const run = book.active?.run;
      if (run !== undefined && isCurrent(run, envelope) && !answered(run).has(client)) {
        const offenders = [...new Set([...run.offenders, client])].sort();
        await book.commit({ ...without(run, client), offenders, refused: [...run.refused, client] }, [
          write,
          { put: 'setting', name: serialSetting(client), value: member.serial },
        ]);
        depart(book, client);
      } else {
        await book.ports.store.commit([write]);
      }
    });
    throw error;
  }
}

function refusal(
  book: Book,
  envelope: Envelope,
  client: string,
  problem: Problem,
  countedAs: Refusal['code'] = problem.code,
): Write {
  const task = toHex(envelope.task);
  const { round } = envelope;
  const { code, detail } = problem;
  book.ports.log({ event: 'refused', level: 'warn', client, task, round, code, detail });
  markTold(problem);
  return {
    put: 'refusal',
    refusal: { task, round, client, code: countedAs, at: book.ports.clock.now() },
    evidence: encodeEnvelope(envelope),
  };
}

/** A decline, counted by its reason: the only thing that a client says of it. */
function declined(book: Book, envelope: Envelope, client: string, reason: DeclineReason): Write {
  const { meaning, remedy } = declineAdvice(reason);
  const problem = new Problem('declined', `${reason}: ${meaning} → ${remedy}`);
  return refusal(book, envelope, client, problem, declineCode(reason));
}

function isCurrent(run: Run, envelope: Envelope): boolean {
  return toHex(envelope.task) === run.task && envelope.round === run.round;
}

export function keyOf(envelope: Envelope, client: string): MessageKey {
  return { task: toHex(envelope.task), round: envelope.round, label: envelope.label, sender: client };
}
