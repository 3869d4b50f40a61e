/** Part of the suite `secagg`: how fast a mask is added, and what the key encapsulations of a round cost. */
import { createCipheriv, randomFillSync } from 'node:crypto';
import { bestKernels } from '../src/core/math/kernels/best.ts';
import { Layout } from '../src/core/math/kernels/kernels.ts';
import { applyMasks } from '../src/core/secagg/apply-masks.ts';
import { nodeGroupPrimitives } from '../src/node/group-primitives.ts';
import { nodeKeystream } from '../src/node/keystream.ts';
import { type BenchResult, measureInTurns, summarise, valuesInTurns } from './harness.ts';

const words = 1_000_000;
const maskRuns = 51;
const kemRuns = 7;
/** As many as one key meets in a round of 50 clients, both ways. */
const encapsulations = 100;
const cipherBytes = 64 * 1024;

/**
 * Milliseconds of CPU, one thread, words of 32 bits: `mask.1e6` is one of the ten masks that a member of a group of ten adds to its vector,
 * `mask.1e6.alone` a mask that is the only one; `keystream.1e6` is AES-256-CTR alone (OpenSSL, 64 KiB at a time, each freed at once),
 * `add.1e6` adds one array to another with the kernel; `mask.1e6.ratio` is mask / (keystream + add), the median of the runs' own ratios.
 * Then µs of CPU per operation of X-Wing, as Node's port has it.
 */
export async function secaggMasks(): Promise<BenchResult[]> {
  return [...(await masks()), ...(await encapsulation())];
}

async function masks(): Promise<BenchResult[]> {
  const primitives = await nodeGroupPrimitives();
  const segment = { length: words, bits: 32, label: 'update' } as const;
  const vector = new Int32Array(words);
  const ten = Array.from({ length: 10 }, (_, i) => ({ seed: secret(32), sign: i % 2 === 0 ? 1 : -1 }) as const);
  const masking = (some: typeof ten) => async () =>
    (await timed(() => applyMasks(some, segment, vector, nodeKeystream, primitives))) / some.length;
  const layout = new Layout();
  const [addends, sums] = [layout.float32(words), layout.float32(words)];
  const source = bestKernels();
  const kernels = source.acquire(layout.bytes);
  const figures = {
    'mask.1e6': masking(ten),
    'keystream.1e6': () => timed(() => encryptZeros(ten[0].seed, 4 * words)),
    'add.1e6': () => timed(() => kernels.addWords32(addends, sums, words, 1)),
    'mask.1e6.alone': masking(ten.slice(0, 1)),
  };
  const runs = Object.values(figures);
  await valuesInTurns(runs, 10);
  const values = await valuesInTurns(runs, maskRuns);
  source.release(kernels);
  const [mask, keystream, add] = values;
  const ratios = mask.map((ms, i) => ms / (keystream[i] + add[i]));
  return [
    ...Object.keys(figures).map((name, f) => summarise(name, 'ms', values[f])),
    summarise('mask.1e6.ratio', '×', ratios),
  ];
}

async function encapsulation(): Promise<BenchResult[]> {
  const { kem } = await nodeGroupPrimitives();
  const pair = kem.keyPair(secret(32));
  const seeds = Array.from({ length: encapsulations }, () => secret(32));
  const coins = seeds.map(() => secret(64));
  const ciphertexts = coins.map(some => kem.encapsulate(pair.publicKey, some).ciphertext);
  const each = <T>(inputs: readonly T[], act: (input: T) => unknown) => ({
    run: async () => (1000 * (await timed(() => inputs.forEach(act)))) / inputs.length,
  });
  const figures = [
    { name: 'kem.keypair', ...each(seeds, seed => kem.keyPair(seed)) },
    { name: 'kem.encapsulate', ...each(coins, some => kem.encapsulate(pair.publicKey, some)) },
    { name: 'kem.decapsulate', ...each(ciphertexts, ciphertext => kem.decapsulate(ciphertext, pair)) },
  ];
  await valuesInTurns(
    figures.map(({ run }) => run),
    2,
  );
  return measureInTurns(figures, 'µs', { runs: kemRuns });
}

function encryptZeros(key: Uint8Array, bytes: number): void {
  const zeros = new Uint8Array(cipherBytes);
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  for (let at = 0; at < bytes; at += cipherBytes) {
    // Freed at once, the memory is warm for the next chunk.
    cipher.update(zeros.subarray(0, Math.min(cipherBytes, bytes - at))).buffer.transfer(0);
  }
}

/** Milliseconds of CPU: on a machine that does other things as well, long figures would wait for them and short ones not. */
async function timed(act: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function secret(bytes: number): Uint8Array {
  return randomFillSync(new Uint8Array(bytes));
}
