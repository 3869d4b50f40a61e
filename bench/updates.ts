/** Scanning and averaging of updates, as admission and aggregation do them. */
import { scanUpdate, WeightedSum } from '../src/core/aggregation/weighted-mean.ts';
import { RandomStream } from '../src/core/math/random.ts';
import { type BenchResult, measure } from './harness.ts';

const updateLength = 1_000_000;
const updateCount = 100;
/** So many different updates, taken in turn: more than the caches hold. */
const distinctUpdates = 12;

/** `update.scan`: finiteness and norm of 1,000,000 values; `update.mean.100x1m`: weighted mean of 100 such updates. */
export async function updates(): Promise<BenchResult[]> {
  const stream = new RandomStream(new Uint8Array(32).fill(7));
  const received = Array.from({ length: distinctUpdates }, () =>
    Float32Array.from({ length: updateLength }, () => stream.float32() - 0.5),
  );
  return [
    await measure('update.scan', 'ms', () => scanTime(received), { runs: 15 }),
    await measure('update.mean.100x1m', 'ms', () => meanTime(received), { runs: 5 }),
  ];
}

function scanTime(received: readonly Float32Array[]): number {
  const start = performance.now();
  for (const update of received) scanUpdate(update);
  return (performance.now() - start) / received.length;
}

function meanTime(received: readonly Float32Array[]): number {
  const start = performance.now();
  const sum = new WeightedSum(updateLength);
  for (let i = 0; i < updateCount; i++) sum.add(received[i % received.length], 0, i + 1);
  sum.mean((updateCount * (updateCount + 1)) / 2);
  return performance.now() - start;
}
