/** The ports of group sessions on Node. */
import { applyMasks } from '../core/secagg/apply-masks.ts';
import type { GroupPorts } from '../core/secagg/group-ports.ts';
import { nodeGroupPrimitives } from './group-primitives.ts';
import { nodeKeystream } from './keystream.ts';

/** Masks are added on this thread. */
export async function nodeGroupPorts(): Promise<GroupPorts> {
  const primitives = await nodeGroupPrimitives();
  return {
    primitives,
    keystream: nodeKeystream,
    applyMasks: (masks, segment, vector) => applyMasks(masks, segment, vector, nodeKeystream, primitives),
  };
}
