/** One client of an audit in memory: the round of a real client, without a network, and what left it. */
import type { ClientPorts } from '../client/ports.ts';
import { roundPrivacy } from '../client/private-round.ts';
import { trainRound } from '../client/round.ts';
import type { RoundContext } from '../client/stages.ts';
import { floatsToBytes, toHex } from '../core/bytes/floats.ts';
import { decodeEnvelope, type Envelope } from '../core/crypto/envelope.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import { taskManifest } from '../core/learning/model.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import type { Trainer, TrainResult } from '../core/learning/trainer.ts';
import { FloatPool } from '../core/math/float-pool.ts';
import { isClipAdaptive } from '../core/privacy/plan.ts';
import type { RandomBytes } from '../core/privacy/random-words.ts';
import type { AuditedTask } from '../core/privacy-audit/audited-task.ts';
import { parseUpdate, type Update } from '../core/protocol/message.ts';
import { encodeTask } from '../core/protocol/task.ts';
import { generateSigner, nodePrimitives } from '../node/primitives.ts';
import { MemoryBlobs } from '../simulation/memory-blobs.ts';
import { MemoryOutbox } from '../simulation/memory-outbox.ts';

/** An update as it left. */
export interface Sent {
  readonly envelope: Envelope;
  readonly update: Update;
  readonly tensor: Uint8Array<ArrayBuffer>;
}

export interface AuditedClient {
  /** Takes part in round 1; returns what was sent. The answer is lost: another call sends again. */
  send(): Promise<Sent>;
}

/** The answer to an update never came. */
class AnswerLost extends Error {}

const { signer } = generateSigner();
const certificate = new Uint8Array(32);

/** Round 1 of the task, as its coordinator announces it. @param clipNorm bound of the round, for a task whose bound follows the norms. */
export function auditedContext({ task, plan }: AuditedTask, clipNorm: number): RoundContext<'inspect'> {
  const manifest = taskManifest(task);
  const parameters = parameterCount(manifest);
  const taskHash = nodePrimitives.sha256(encodeTask(task));
  const assignment = {
    kind: 'train',
    model: nodePrimitives.sha256(floatsToBytes(new Float32Array(parameters))),
    parameters,
    evaluate: false,
    remainingMs: 1000,
    cohort: 1,
    noiseMultiplier: null,
    clipNorm: isClipAdaptive(plan) ? clipNorm : null,
    group: null,
  } as const;
  const privacy = roundPrivacy(task, 1, assignment, nodePrimitives);
  return { protection: 'inspect', task, taskHash, taskId: toHex(taskHash), round: 1, assignment, manifest, privacy };
}

/** @param trained what training from a model of zeros ends with. */
export function auditedClient(
  context: RoundContext<'inspect'>,
  trained: TrainResult,
  randomBytes: RandomBytes,
): AuditedClient {
  const { manifest, assignment } = context;
  const notAsked = () => Promise.reject(new Error('an audit does not ask for it'));
  const trainer: Trainer = { manifest, train: async () => trained, evaluate: notAsked };
  const model = floatsToBytes(new Float32Array(assignment.parameters));
  let sent: Sent | null = null;
  const ports: ClientPorts = {
    federation: 'audit',
    name: 'site',
    identity: () => ({ signer, certificate }),
    coordinatorKey: () => null,
    channel: {
      nextAssignment: notAsked,
      task: notAsked,
      model: async () => model,
      sendUpdate: async (_task, _round, head, tensor) => {
        // Behind the length of the envelope.
        const envelope = decodeEnvelope(head.subarray(4));
        sent = { envelope, update: parseUpdate(envelope.payload), tensor: new Uint8Array(tensor) };
        throw new AnswerLost();
      },
      sendDecline: notAsked,
      sendEvaluation: notAsked,
      sendGroup: notAsked,
      nextGroup: notAsked,
    },
    trainerFor: async () => trainer,
    outbox: new MemoryOutbox(),
    privacy: {
      reserve: async () => ({ commit: async () => undefined, release: async () => undefined }),
      find: async () => null,
    },
    vectors: new FloatPool(0),
    blobs: new MemoryBlobs(),
    primitives: drawingFrom(randomBytes),
    clock: { now: () => 0, after: () => () => undefined },
    log: () => undefined,
    step: () => undefined,
    group: null,
  };
  return {
    async send() {
      try {
        await trainRound(context, trainer, { made: null }, ports);
      } catch (error) {
        if (!(error instanceof AnswerLost)) throw error;
      }
      if (sent === null) throw new Error('the client sent nothing');
      return sent;
    },
  };
}

/** Most bytes that a generator gives at once. */
const mostBytes = 65_536;

/** Node's primitives with another source of randomness. */
export function drawingFrom(randomBytes: RandomBytes): Primitives {
  return {
    ...nodePrimitives,
    randomBytes: count => {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count; at += mostBytes) randomBytes(bytes.subarray(at, at + mostBytes));
      return bytes;
    },
  };
}
