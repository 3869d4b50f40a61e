/** The fastest kernels of this platform, made once. */
import type { KernelSource } from './kernels.ts';
import { createSimdKernels, hasSimd } from './simd.ts';
import { twinKernels } from './twin.ts';

let chosen: KernelSource | null = null;

/** SIMD where it validates, else the twin; both give the same bits. */
export function bestKernels(): KernelSource {
  chosen ??= hasSimd() ? createSimdKernels() : twinKernels;
  return chosen;
}
