/** A client's part of a round in which the coordinator sees single messages: an update is prepared (update.ts), encoded and signed, kept, and only then sent. */
import { sameBytes, toHex } from '../core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, encodeEnvelope, signEnvelope } from '../core/crypto/envelope.ts';
import type { Evaluation, Trainer } from '../core/learning/trainer.ts';
import type { Reservation } from '../core/privacy/ledger-port.ts';
import type { NoisyCounts } from '../core/privacy/randomizers.ts';
import { type Decline, encodePayload, encodeUpdateHead, labels } from '../core/protocol/message.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { finalEvaluation } from './final-evaluation.ts';
import { fetchModel } from './global-model.ts';
import { forgetMomenta } from './momentum.ts';
import { tellCounts } from './noisy-counts.ts';
import type { Outgoing } from './outbox.ts';
import type { ClientPorts } from './ports.ts';
import { encode, sign } from './protect.ts';
import { checkReceipt } from './receipt.ts';
import type { RoundContext, Signed } from './stages.ts';
import { prepare } from './update.ts';

/** The update that a client has made last: kept in memory while it could not be kept on disk, so that it is neither made nor paid for again. */
export interface LastMade {
  made: { readonly round: string; readonly signed: Signed; readonly reservation: Reservation | null } | null;
}

/** Trains and sends the update of a round; when one is in the outbox already, sends that same payload: it is paid for. */
export async function trainRound(
  context: RoundContext<'inspect'>,
  trainer: Trainer,
  last: LastMade,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<void> {
  const kept = await recall(context, labels.update, ports);
  const { signed, reservation } =
    kept === null
      ? await prepareUpdate(context, trainer, last, ports, signal)
      : { signed: kept, reservation: await paidBefore(context, 'train', ports) };
  last.made = null;
  const { taskId, round } = context;
  const receipt = await ports.channel.sendUpdate(taskId, round, encodeUpdateHead(signed.envelope), signed.tensor);
  await ports.step('update-sent');
  checkReceipt(receipt, signed.envelope, ports);
  ports.vectors.give(signed.tensor.buffer);
  await reservation?.release();
  await ports.step('update-acknowledged');
}

/** What a message in the outbox has cost, committed: a crash may have come before that. Null without privacy. */
async function paidBefore(
  { taskId, round, privacy }: RoundContext,
  purpose: 'train' | 'evaluate',
  ports: ClientPorts,
): Promise<Reservation | null> {
  if (privacy === null) return null;
  const reservation = await ports.privacy.find({ task: taskId, round, purpose });
  await reservation?.commit();
  return reservation;
}

/** The update is durable when it resolves, and what it cost is committed. */
async function prepareUpdate(
  context: RoundContext<'inspect'>,
  trainer: Trainer,
  last: LastMade,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<{ signed: Signed; reservation: Reservation | null }> {
  const { taskId, round, assignment } = context;
  const name = `${taskId} ${round} ${toHex(assignment.model)}`;
  if (last.made?.round !== name) {
    const global = await fetchModel(context, ports);
    const { noised, reservation } = await prepare({ context, trainer, global, compression: null, ports, signal });
    last.made = { round: name, signed: await sign(encode(noised), context, ports), reservation };
  }
  const { signed, reservation } = last.made;
  await keep(context, signed, ports);
  if (reservation !== null) {
    await reservation.commit();
    await ports.step('ledger-committed');
  }
  return { signed, reservation };
}

/** Evaluates the final model and sends the report; when one is in the outbox already, sends that same one. */
export async function evaluateRound(
  context: RoundContext<'inspect'>,
  trainer: Trainer,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<void> {
  const { taskId, round } = context;
  const kept = await recall(context, labels.evaluation, ports);
  const { envelope, reservation } =
    kept === null
      ? await prepareReport(context, trainer, ports, signal)
      : { ...kept, reservation: await paidBefore(context, 'evaluate', ports) };
  const receipt = await ports.channel.sendEvaluation(taskId, round, envelope);
  await ports.step('evaluation-sent');
  checkReceipt(receipt, envelope, ports);
  await reservation?.release();
  // Nothing is trained after the final evaluation.
  await forgetMomenta(taskId, null, ports.blobs);
}

/** The report is durable when it resolves, and what it cost is committed. */
async function prepareReport(
  context: RoundContext,
  trainer: Trainer,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<{ envelope: Envelope; reservation: Reservation | null }> {
  const { assignment, taskHash, taskId, round } = context;
  const { figures, reservation } = await reportFigures(context, trainer, ports, signal);
  await ports.step('evaluated');
  const { signer, certificate } = ports.identity();
  // Evaluations are plain data of the payload's shape; only their arrays are declared read-only.
  const payload = encodePayload({ model: assignment.model, ...figures } as never);
  const fields = {
    label: labels.evaluation,
    federation: ports.federation,
    task: taskHash,
    round,
    sender: certificate,
    payload,
  };
  const envelope = signEnvelope(fields, signer, ports.primitives);
  await ports.outbox.put({
    task: taskId,
    round,
    label: labels.evaluation,
    model: toHex(assignment.model),
    envelope: encodeEnvelope(envelope),
    tensor: null,
  });
  if (reservation !== null) {
    await reservation.commit();
    await ports.step('ledger-committed');
  }
  return { envelope, reservation };
}

/** What the report tells: of a private task noisy counts and nothing else. */
async function reportFigures(
  context: RoundContext,
  trainer: Trainer,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<{ figures: ReportFigures; reservation: Reservation | null }> {
  const { privacy } = context;
  const parameters = await fetchModel(context, ports);
  if (privacy !== null) {
    const { noisyCounts, reservation } = await tellCounts(context, privacy, trainer, parameters, ports, signal);
    return { figures: { evaluation: null, alone: null, noisyCounts }, reservation };
  }
  const figures = await finalEvaluation(context, trainer, parameters, ports, signal);
  return { figures: { ...figures, noisyCounts: null }, reservation: null };
}

/** Evaluations as a trainer gives them. */
interface ReportFigures {
  readonly evaluation: Evaluation | null;
  readonly alone: Evaluation | null;
  readonly noisyCounts: NoisyCounts | null;
}

/** Tells the coordinator that it need not wait for this client in this round. */
export async function decline(context: RoundContext, reason: Decline['reason'], ports: ClientPorts): Promise<void> {
  const { taskHash, taskId, round } = context;
  const { signer, certificate } = ports.identity();
  const payload = encodePayload({ reason });
  const { federation, primitives } = ports;
  const fields = { label: labels.decline, federation, task: taskHash, round, sender: certificate, payload };
  await ports.channel.sendDecline(taskId, round, signEnvelope(fields, signer, primitives));
}

/**
 * What this client said earlier in this round. Throws Problem `equivocation` when the coordinator now shows another
 * model for the same round: answering twice would let it compare the answers.
 */
async function recall(
  context: RoundContext,
  label: string,
  ports: ClientPorts,
): Promise<{ envelope: Envelope; tensor: Uint8Array } | null> {
  const { taskId, round, assignment } = context;
  const kept: Outgoing | null = await ports.outbox.find(taskId, round, label);
  if (kept === null) return null;
  if (kept.model !== toHex(assignment.model))
    throw new Problem('equivocation', `the coordinator shows a second model for round ${round}`);
  const tensor = kept.tensor === null ? new Uint8Array(0) : await ports.blobs.read(kept.tensor);
  if (tensor === null) throw new Error(`the outbox names ${kept.tensor}, which is missing`);
  return { envelope: signedNow(decodeEnvelope(kept.envelope), ports), tensor };
}

/**
 * The same words under the current key: the coordinator knows only the certificate that was shown last, and that may have been
 * renewed since. The outbox keeps what was signed first; the coordinator recognises a message by its payload.
 */
function signedNow(envelope: Envelope, ports: ClientPorts): Envelope {
  const { signer, certificate } = ports.identity();
  if (sameBytes(envelope.sender, certificate)) return envelope;
  return signEnvelope({ ...envelope, sender: certificate }, signer, ports.primitives);
}

async function keep(context: RoundContext, signed: Signed, ports: ClientPorts): Promise<void> {
  const { taskId, round, assignment } = context;
  const tensor = `outbox/${taskId}/${round}`;
  await writeBlob(ports.blobs, tensor, signed.tensor);
  await ports.step('outbox-tensor');
  const envelope = encodeEnvelope(signed.envelope);
  await ports.outbox.put({
    task: taskId,
    round,
    label: labels.update,
    model: toHex(assignment.model),
    envelope,
    tensor,
  });
  await ports.step('outbox-stored');
  // The rounds before are over for this client: their tensors are not needed again.
  for (const key of await ports.blobs.list(`outbox/${taskId}/`)) if (key !== tensor) await ports.blobs.remove(key);
  await forgetMomenta(taskId, round, ports.blobs);
}
