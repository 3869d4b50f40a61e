/** Clients of one group around the coordinator's machine of that group: rounds without network, disk or the rest of a coordinator. */
import assert from 'node:assert/strict';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { defaultPolicy, type MemberPorts } from '../../src/client/group-ports.ts';
import { groupRound } from '../../src/client/group-round.ts';
import { groupSession } from '../../src/client/group-session.ts';
import type { ClientPorts } from '../../src/client/ports.ts';
import { roundPrivacy } from '../../src/client/private-round.ts';
import type { GroupRound } from '../../src/client/stages.ts';
import { compareBytes } from '../../src/core/bytes/cbor.ts';
import { floatsToBytes, toHex } from '../../src/core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import type { GroupPrimitives } from '../../src/core/crypto/group-primitives.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { FloatPool } from '../../src/core/math/float-pool.ts';
import { type Assignment, encodePayload, labels } from '../../src/core/protocol/message.ts';
import type { LogEvent, Step } from '../../src/core/protocol/ports.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { encodeTask, parseTask, type Task } from '../../src/core/protocol/task.ts';
import { drawHash } from '../../src/core/secagg/draw.ts';
import { beginGroup, isAnswered, messageFor, stepGroup } from '../../src/core/secagg/group-machine.ts';
import { coordinatorLabels, encodeGroupMessage } from '../../src/core/secagg/group-message.ts';
import type { GroupState } from '../../src/core/secagg/group-state.ts';
import { makeManifest } from '../../src/core/secagg/make-manifest.ts';
import { encodeManifest, type GroupManifest } from '../../src/core/secagg/manifest.ts';
import { unpack } from '../../src/core/secagg/packing.ts';
import { type Identity, simulatedIdentity, verifySimulated } from '../../src/simulation/membership.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { MemoryLedger } from '../../src/simulation/memory-ledger.ts';
import { MemoryOutbox } from '../../src/simulation/memory-outbox.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { smallTask } from '../simulation/federation.ts';

export const ports = await groupSimulationPorts();
export const memberPorts = ports.group as { primitives: GroupPrimitives } & typeof ports.group & object;
const { primitives } = ports;

export const federation = 'groups';
export const names = ['anna', 'bert', 'cleo', 'dora'];
export const build = 'test';

export function groupTask(changes: object = {}): Task {
  const base = smallTask({ seed: 1, clients: 3, faults: [] });
  return parseTask({ ...base, protection: { kind: 'group', honest: 3 }, ...changes });
}

export const coordinator = identityOf('coordinator', 'coordinator');

function identityOf(role: 'client' | 'coordinator', name: string): Identity {
  return simulatedIdentity(role, name, primitives, ports.signerOf);
}

/** Parties in the order of their certificates: a client's place is its index. */
export const clients = names
  .map(name => ({ name, ...identityOf('client', name) }))
  .sort((a, b) => compareBytes(a.certificate, b.certificate));
export const cohort = clients.map(({ certificate }) => certificate);

export interface HostSettings {
  readonly task?: Task;
  readonly kind?: 'train' | 'evaluate';
  readonly round?: number;
  readonly evaluate?: boolean;
  readonly model?: Float32Array;
}

/** The coordinator of one group in one round. */
export class GroupHost {
  readonly task: Task;
  readonly taskHash: Uint8Array;
  readonly round: number;
  readonly model: Float32Array;
  readonly manifest: GroupManifest;
  readonly assignment: Assignment;
  /** Packed inputs, by place. */
  readonly inputs = new Map<number, Uint8Array>();
  /** Everything that members sent, in order, as bytes of envelopes. */
  readonly sent: { readonly at: number; readonly label: string; readonly bytes: string }[] = [];
  state: GroupState;
  #waiting: (() => void)[] = [];

  constructor({ task = groupTask(), kind = 'train', round = 1, evaluate = false, model }: HostSettings = {}) {
    this.task = task;
    this.taskHash = primitives.sha256(encodeTask(task));
    this.round = round;
    this.model = model ?? new Float32Array(parameterCount(taskManifest(task))).fill(0.25);
    const digest = primitives.sha256(floatsToBytes(this.model.slice()));
    this.manifest = makeManifest({
      task,
      taskHash: this.taskHash,
      federation,
      round,
      kind,
      evaluate,
      group: 0,
      groups: 1,
      members: cohort,
      draw: drawHash(cohort, null, primitives),
      model: digest,
      build,
      primitives,
    });
    this.assignment = {
      kind,
      model: digest,
      parameters: this.model.length,
      evaluate,
      remainingMs: 1000,
      cohort: clients.length,
      noiseMultiplier: null,
      clipNorm: null,
      group: { manifest: encodeManifest(this.manifest), cohort, coin: null },
    };
    const members = clients.map(({ name, document, signer }, at) => {
      return { at, name, certificate: document, publicKey: signer.publicKey };
    });
    this.state = beginGroup(this.manifest, members, memberPorts.primitives);
  }

  sign(label: string, payload: Uint8Array): Envelope {
    const fields = { label, federation, task: this.taskHash, round: this.round, payload };
    return signEnvelope({ ...fields, sender: coordinator.certificate }, coordinator.signer, primitives);
  }

  receive(at: number, envelope: Envelope, body: Uint8Array): Envelope {
    const bytes = toHex(envelope.signature) + toHex(primitives.sha256(body));
    this.sent.push({ at, label: envelope.label, bytes });
    const attached = envelope.label === 'group-shares' ? body : null;
    this.state = stepGroup(this.state, { kind: 'message', at, envelope, body: attached }, memberPorts.primitives);
    if (envelope.label === 'group-input') this.inputs.set(at, body.slice());
    this.advance();
    const payload = encodePayload({ label: envelope.label, payload: primitives.sha256(envelope.payload) });
    return this.sign(labels.receipt, payload);
  }

  /** A member is waited for no longer. */
  lose(at: number): void {
    this.state = stepGroup(this.state, { kind: 'gone', at }, memberPorts.primitives);
    this.advance();
  }

  /** Closes every step that nobody is waited for in. */
  advance(): void {
    while (isAnswered(this.state) && this.state.stage !== 'opened' && this.state.stage !== 'void')
      this.state = stepGroup(this.state, { kind: 'close' }, memberPorts.primitives);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async next(at: number, after: string): Promise<Envelope> {
    for (;;) {
      const told = this.#told(at);
      if (told === null && ['opened', 'void'].includes(this.state.stage)) throw new Problem('round-closed');
      const labelsInOrder: readonly string[] = coordinatorLabels;
      if (told !== null && labelsInOrder.indexOf(told.label) > labelsInOrder.indexOf(after))
        return this.sign(told.label, told.payload);
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  #told(at: number): { readonly label: string; readonly payload: Uint8Array } | null {
    const { stage, sid } = this.state;
    if (stage !== 'opened' && stage !== 'void') return messageFor(this.state, at);
    return { label: 'group-end', payload: encodeGroupMessage({ sid, outcome: stage }) };
  }

  /** The sum of the opened group, a vector for each segment. */
  async opened(): Promise<Int32Array[]> {
    assert.equal(this.state.stage, 'opened', this.state.why ?? '');
    const { opening } = this.state;
    assert.ok(opening !== null);
    let from = 0;
    const sums: Int32Array[] = [];
    for (const { label, words, bits } of this.manifest.segments) {
      const bytes = Math.ceil((words * bits) / 8);
      const sum = new Int32Array(words);
      for (const at of opening.survivors) {
        const packed = this.inputs.get(at);
        assert.ok(packed !== undefined);
        unpack(packed.subarray(from, from + bytes), bits, words).forEach((word, i) => {
          sum[i] += word;
        });
      }
      await memberPorts.applyMasks(opening.masks, { label, length: words, bits }, sum);
      sums.push(sum);
      from += bytes;
    }
    return sums;
  }
}

export interface Played {
  readonly ports: ClientPorts;
  readonly context: GroupRound;
  readonly log: LogEvent[];
  readonly steps: Step[];
  readonly outbox: MemoryOutbox;
  readonly blobs: MemoryBlobs;
  readonly reasons: string[];
  run(): Promise<void>;
}

export interface PlayerSettings {
  /** What becomes of the client's line to the host. */
  readonly channel?: (channel: CoordinatorChannel) => CoordinatorChannel;
  readonly step?: (step: Step) => void | Promise<void>;
  readonly member?: Partial<MemberPorts>;
  readonly assignment?: Assignment;
  readonly outbox?: MemoryOutbox;
  readonly blobs?: MemoryBlobs;
  readonly ledger?: MemoryLedger;
}

/** The client at this place, ready for its round with the host. */
export function player(host: GroupHost, at: number, settings: PlayerSettings = {}): Played {
  const { name, signer, certificate } = clients[at];
  const { outbox = new MemoryOutbox(), blobs = new MemoryBlobs(), assignment = host.assignment } = settings;
  const log: LogEvent[] = [];
  const steps: Step[] = [];
  const reasons: string[] = [];
  const unasked = async (): Promise<never> => assert.fail('nobody asks for it');
  const channel: CoordinatorChannel = {
    nextAssignment: unasked,
    task: unasked,
    model: async () => floatsToBytes(host.model.slice()),
    sendUpdate: unasked,
    sendEvaluation: unasked,
    async sendDecline(_task, _round, { payload }) {
      reasons.push(new TextDecoder().decode(payload));
      host.lose(at);
    },
    sendGroup: async (_task, _round, head, body) => host.receive(at, decodeEnvelope(head.subarray(4)), body),
    nextGroup: (_task, _round, after) => host.next(at, after),
  };
  const clientPorts: ClientPorts = {
    federation,
    name,
    identity: () => ({ signer, certificate }),
    coordinatorKey: hash => (toHex(hash) === toHex(coordinator.certificate) ? coordinator.signer.publicKey : null),
    channel: settings.channel?.(channel) ?? channel,
    trainerFor: unasked,
    outbox,
    privacy: settings.ledger ?? new MemoryLedger({ sha256: primitives.sha256, build, faults: {} }),
    vectors: new FloatPool(0),
    blobs,
    primitives,
    clock: {
      now: () => 0,
      after(_ms, action) {
        const waiting = setImmediate(action);
        return () => clearImmediate(waiting);
      },
    },
    log: event => void log.push(event),
    step: step => {
      steps.push(step);
      return settings.step?.(step);
    },
    group: {
      ...memberPorts,
      verifyMember: document => verifySimulated(document, primitives),
      policy: { ...defaultPolicy, honest: 3 },
      build,
      ...settings.member,
    },
  };
  const { task, taskHash, round } = host;
  const manifest = taskManifest(task);
  const privacy = roundPrivacy(task, round, assignment, primitives);
  const about = { task, taskHash, taskId: toHex(taskHash), round, assignment, manifest, privacy };
  const session = groupSession(about, clientPorts);
  assert.ok(session !== null);
  const context: GroupRound = { ...about, protection: 'group', session };
  const trainer = syntheticTrainer(name, manifest, clientPorts.clock, () => 0);
  return {
    ports: clientPorts,
    context,
    log,
    steps,
    outbox,
    blobs,
    reasons,
    run: () => groupRound(context, trainer, clientPorts),
  };
}
