/** The primitives of secure aggregation in Node: each from whichever of OpenSSL and libsodium is faster at it. */
import type { GroupPrimitives } from '../core/crypto/group-primitives.ts';
import { nodeHkdf } from './hkdf.ts';
import { opensslHasLattices, opensslKem } from './openssl-kem.ts';
import { nodePrimitives } from './primitives.ts';

let loading: Promise<GroupPrimitives> | null = null;

/**
 * The port of this process, made once. Boxes are sealed by libsodium, which starts ten times faster than OpenSSL's ciphers but is slower
 * on megabytes.
 */
export function nodeGroupPrimitives(): Promise<GroupPrimitives> {
  loading ??= load();
  return loading;
}

async function load(): Promise<GroupPrimitives> {
  // A megabyte of WebAssembly that few commands need.
  const { sodiumGroupPrimitives } = await import('../core/crypto/sodium-group-primitives.ts');
  const sodium = await sodiumGroupPrimitives(nodePrimitives);
  const kem = opensslHasLattices() ? opensslKem(sodium.kem.encapsulate) : sodium.kem;
  return { ...sodium, hkdf: nodeHkdf, kem };
}
