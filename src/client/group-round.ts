/**
 * A client's part of a round under protection by groups: it trains as ever, makes durable that its one session of the round begins, and only
 * then takes part in it. Afterwards the coordinator has the sum of the group and nothing of this client's own.
 */
import { toHex } from '../core/bytes/floats.ts';
import { encodeEnvelope, signEnvelope } from '../core/crypto/envelope.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { Problem } from '../core/protocol/problem.ts';
import { finalEvaluation } from './final-evaluation.ts';
import { fetchModel } from './global-model.ts';
import { evaluationInput, quantised, trainingInput } from './group-input.ts';
import { type Contribution, GroupMember } from './group-member.ts';
import { requirePolicy } from './group-policy.ts';
import { sessionLabels } from './group-session.ts';
import { forgetMomenta } from './momentum.ts';
import type { ClientPorts } from './ports.ts';
import { decline } from './round.ts';
import type { GroupRound } from './stages.ts';
import { prepare, prepareShare } from './update.ts';

/** No parameter of an honest model is larger: one that is may be made to let a single example through (Boenisch et al. 2023). */
const largestParameter = 2 ** 20;

/**
 * Takes part in the session of a group, to its end or until it is given up; both are told in the log. Throws UserError for a task that protects
 * less than this site asks for, Problem `replayed` when the round's session was begun before, and as training does; Problem `revoked` and
 * `forbidden` as they come.
 */
export async function groupRound(
  context: GroupRound,
  trainer: Trainer,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<void> {
  const { session, assignment } = context;
  requirePolicy(session.manifest.thresholds, session.ports.policy);
  await requireUnbegun(context, ports);
  const contribution = await contribute(context, trainer, ports, signal);
  await begin(context, ports);
  await new GroupMember(context, contribution, ports, signal).takePart();
  if (assignment.kind === 'evaluate') await forgetMomenta(context.taskId, null, ports.blobs);
}

/**
 * A member that crashed is a drop-out: it has no secrets any more, and with others it would use its masks twice. It says so, for nobody to
 * wait. Throws Problem `replayed`.
 */
async function requireUnbegun(context: GroupRound, ports: ClientPorts): Promise<void> {
  const { taskId, round, assignment } = context;
  if ((await ports.outbox.find(taskId, round, sessionLabels[assignment.kind])) === null) return;
  await decline(context, 'failed', ports);
  throw new Problem('replayed', `this client began the session of round ${round} before, and does not begin it twice`);
}

/** What this client adds to the sum: an update and figures, or at the end of the run figures alone. */
async function contribute(
  context: GroupRound,
  trainer: Trainer,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<Contribution> {
  const { session, task } = context;
  const global = await fetchModel(context, ports);
  requireOrdinary(global);
  const training = { context, trainer, global, compression: session.compression, ports, signal };
  if (session.shared !== null) {
    const { quantised: words, reservation } = await prepareShare(training, session.shared);
    return { input: trainingInput(words, session, task), reservation };
  }
  if (session.encoding === null) {
    const told = await finalEvaluation(context, trainer, global, ports, signal);
    await ports.step('evaluated');
    return { input: evaluationInput(told, session), reservation: null };
  }
  const { noised, reservation } = await prepare(training);
  const words = quantised(noised, session.encoding);
  ports.vectors.give(noised.difference.buffer);
  return { input: trainingInput(words, session, task), reservation };
}

/** Throws Problem `group-refused` for a model that is out of the range of trained ones. */
function requireOrdinary(parameters: Float32Array): void {
  // Written so that NaN does not pass.
  if (!parameters.every(value => Math.abs(value) <= largestParameter))
    throw new Problem(
      'group-refused',
      `the model has parameters beyond ±2^20, or none at all: nothing is trained from it`,
    );
}

/** Durable when it resolves: from now on this round has had its session, whatever becomes of it. */
async function begin(context: GroupRound, ports: ClientPorts): Promise<void> {
  const { taskHash, taskId, round, assignment, session } = context;
  const { signer, certificate } = session.identity;
  const label = sessionLabels[assignment.kind];
  const fields = { label, federation: ports.federation, task: taskHash, round, sender: certificate };
  const envelope = signEnvelope({ ...fields, payload: session.sid }, signer, ports.primitives);
  const model = toHex(assignment.model);
  await ports.outbox.put({ task: taskId, round, label, model, envelope: encodeEnvelope(envelope), tensor: null });
  await ports.step('group-session-stored');
  await forgetMomenta(taskId, round, ports.blobs);
  const { group, groups, thresholds } = session.manifest;
  const detail = `group ${group + 1} of ${groups}: ${thresholds.members} members, opened with ${thresholds.least} or more`;
  ports.log({ event: 'group-joined', task: taskId, round, detail });
}
