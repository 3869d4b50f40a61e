/** Noise on vectors in kernel memory, from words that a cryptographic generator makes. */
import type { Kernels, Layout } from '../math/kernels/kernels.ts';

/** Words at a time: 64 KiB, the most that getRandomValues gives at once. A multiple of 8. */
const chunkWords = 16_384;

/** Where noise is made. */
export interface NoisePlace {
  readonly kernels: Kernels;
  /** What `planNoise` laid out. */
  readonly scratch: number;
  /**
   * Fills the bytes, 64 KiB at most, from a cryptographically secure generator (getRandomValues, randomFillSync). A seeded
   * one makes the noise worthless: for tests only.
   */
  readonly randomBytes: (bytes: Uint8Array<ArrayBuffer>) => void;
}

/** Lays out the scratch of the functions below. */
export function planNoise(layout: Layout): number {
  // Behind the words: how many of them were used.
  return layout.float32(chunkWords + 1);
}

/**
 * Adds N(0, standardDeviation²) to each of `count` float32 values at the byte offset `target`. One word of 32 bits per value, never
 * used twice, and erased afterwards.
 *
 * Float noise is open to attacks on its last bits (see `gaussianFill`): what must not be uses `drawDiscreteGaussian`.
 * Throws RangeError for a deviation that is negative or not finite.
 */
export function addGaussianNoise(place: NoisePlace, target: number, count: number, standardDeviation: number): void {
  if (!(standardDeviation >= 0 && standardDeviation < Infinity)) {
    throw new RangeError(`noise: expected a standard deviation of 0 or more, got ${standardDeviation}`);
  }
  const { kernels, scratch, randomBytes } = place;
  erasing(place, () => {
    for (let done = 0; done < count; done += chunkWords) {
      const next = Math.min(chunkWords, count - done);
      randomBytes(new Uint8Array(kernels.buffer, scratch, 4 * Math.ceil(next / 8) * 8));
      kernels.addGaussian(scratch, target + 4 * done, next, standardDeviation);
    }
  });
}

/**
 * Writes `count` exact draws of the discrete Gaussian with the scale 2^logScale to the int32 values at the byte offset `target`.
 * About 12 words of 32 bits per draw, never used twice, and erased afterwards. How many it takes depends on the values drawn.
 * Throws RangeError for a logScale that is no integer from 0 to 20.
 */
export function drawDiscreteGaussian(place: NoisePlace, target: number, count: number, logScale: number): void {
  if (!(Number.isInteger(logScale) && logScale >= 0 && logScale <= 20)) {
    throw new RangeError(`noise: expected the logarithm of a scale from 0 to 20, got ${logScale}`);
  }
  const { kernels, scratch, randomBytes } = place;
  const words = new Uint8Array(kernels.buffer, scratch, 4 * chunkWords);
  const [consumed, counter] = [scratch + words.length, new Uint32Array(kernels.buffer, scratch + words.length, 1)];
  erasing(place, () => {
    // What the last call left goes first: thrown away, it would make long draws rarer.
    let kept = 0;
    for (let done = 0; done < count; ) {
      randomBytes(words.subarray(kept));
      done += kernels.discreteGaussianFill(scratch, chunkWords, target + 4 * done, count - done, logScale, consumed);
      words.copyWithin(0, 4 * counter[0]);
      kept = words.length - 4 * counter[0];
    }
  });
}

function erasing({ kernels, scratch }: NoisePlace, work: () => void): void {
  try {
    work();
  } finally {
    new Uint32Array(kernels.buffer, scratch, chunkWords + 1).fill(0);
  }
}
