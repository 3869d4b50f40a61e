/** A member that does not keep to the protocol: signs with its own valid key whatever the test wants to send. */
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { floatsToBytes, toHex } from '../../src/core/bytes/floats.ts';
import { type Envelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { networkManifest } from '../../src/core/learning/network-parameters.ts';
import {
  type Assignment,
  encodePayload,
  encodeUpdateHead,
  labels,
  parseAssignment,
  type Update,
} from '../../src/core/protocol/message.ts';
import { pause } from '../../src/core/protocol/ports.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import type { World } from '../../src/simulation/world.ts';

const { primitives } = simulationPorts;

export interface Crafted {
  readonly update: Update;
  readonly tensor: Uint8Array;
}

/** An update that would be accepted: a small step in every parameter. */
export function honestUpdate(assignment: Assignment, values: Float32Array): Crafted {
  const tensor = floatsToBytes(values);
  return {
    update: {
      model: assignment.model,
      examples: 10,
      steps: 1,
      loss: 0.5,
      dtype: 'f32',
      shapes: networkManifest([
        { type: 'dense', inputs: 2, outputs: 3, positions: 1, activation: 'tanh' },
        { type: 'dense', inputs: 3, outputs: 1, positions: 1, activation: 'none' },
      ]).map(t => ({
        name: t.name,
        shape: [...t.shape],
      })),
      tensor: primitives.sha256(tensor),
      bytes: tensor.length,
      evaluation: null,
      withinClip: null,
    },
    tensor,
  };
}

export class HostileClient {
  readonly #world: World;
  readonly #line: ReturnType<World['connect']>;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#line = world.connect(name);
  }

  /** Waits until it is asked to train. */
  async assignment(): Promise<{ envelope: Envelope; assignment: Assignment }> {
    for (;;) {
      const envelope = await this.#line.channel.nextAssignment();
      if (envelope !== null) return { envelope, assignment: parseAssignment(envelope.payload) };
    }
  }

  sign(assigned: Envelope, payload: Uint8Array, fields: Partial<Envelope> = {}): Envelope {
    const { identity, federation } = this.#line;
    const { task, round } = assigned;
    const own = { label: labels.update, federation, task, round, sender: identity.certificate, payload };
    return signEnvelope({ ...own, ...fields }, identity.signer, primitives);
  }

  /** The code of the refusal, or `accepted`. */
  async send(envelope: Envelope, tensor: Uint8Array): Promise<string> {
    try {
      await this.#line.channel.sendUpdate(toHex(envelope.task), envelope.round, encodeUpdateHead(envelope), tensor);
      return 'accepted';
    } catch (error) {
      if (error instanceof Problem) return error.code;
      throw error;
    }
  }

  /** Signs and sends. */
  async submit(assigned: Envelope, { update, tensor }: Crafted): Promise<string> {
    return this.send(this.sign(assigned, encodePayload(update)), tensor);
  }

  pause(milliseconds: number): Promise<void> {
    return pause(this.#world.clock, milliseconds);
  }
}
