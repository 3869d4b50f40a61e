/** The ports of group sessions on Node. */
import { availableParallelism } from 'node:os';
import { applyMasks } from '../core/secagg/apply-masks.ts';
import type { GroupPorts } from '../core/secagg/group-ports.ts';
import { nodeGroupPrimitives } from './group-primitives.ts';
import { nodeKeystream } from './keystream.ts';
import { isSmallMasking, type MaskThreads, maskThreads } from './secagg/mask-threads.ts';

export interface NodeGroupPorts extends GroupPorts {
  /** Ends the threads that were started. */
  close(): Promise<void>;
}

/** More of them wait for memory. */
const mostThreads = 4;

/** Threads that a process of its own adds masks with. */
export function maskingThreads(): number {
  return Math.min(mostThreads, availableParallelism());
}

/**
 * Masks are added on this thread; those of large vectors on so many others, started for the first of them, so that this one goes on answering
 * meanwhile. Where they cannot start the work is done here: it is the same, and takes longer.
 */
export async function nodeGroupPorts(threads = 0): Promise<NodeGroupPorts> {
  const primitives = await nodeGroupPrimitives();
  let started: Promise<MaskThreads | null> | null = null;
  const others = async (): Promise<MaskThreads | null> => {
    started ??= maskThreads(threads).catch(() => null);
    return started;
  };
  return {
    primitives,
    keystream: nodeKeystream,
    async applyMasks(masks, segment, vector, onProgress) {
      const isHere = threads === 0 || isSmallMasking(masks.length, segment.length);
      const elsewhere = isHere ? null : await others();
      if (elsewhere === null) await applyMasks(masks, segment, vector, nodeKeystream, primitives, { onProgress });
      else await elsewhere.applyMasks(masks, segment, vector, { onProgress });
    },
    close: async () => void (await (await started)?.close()),
  };
}
