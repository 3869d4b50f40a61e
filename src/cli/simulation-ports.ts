/** The simulation's ports on Node. */
import type { Signer } from '../core/crypto/primitives.ts';
import { nodeGroupPorts } from '../node/group-ports.ts';
import { nodePrimitives, signerFromPrivateKey } from '../node/primitives.ts';
import type { SimulationPorts } from '../simulation/world.ts';

/** Those of a federation whose task has protection group: loads what that needs. */
export async function groupSimulationPorts(): Promise<SimulationPorts> {
  return { ...simulationPorts, group: await nodeGroupPorts() };
}

/** PKCS#8 of an Ed25519 key up to its 32-byte seed (RFC 8410 §7). */
const pkcs8Head = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);

/** Signers by their seed in hexadecimal: a test that makes a thousand worlds has the same few members in each. */
const signers = new Map<string, Signer>();

export const simulationPorts: SimulationPorts = {
  turn: () => new Promise(resolve => setImmediate(resolve)),
  primitives: nodePrimitives,
  signerOf(seed) {
    const name = Buffer.from(seed).toString('hex');
    const signer = signers.get(name) ?? signerFromPrivateKey(Uint8Array.of(...pkcs8Head, ...seed));
    signers.set(name, signer);
    return signer;
  },
};
