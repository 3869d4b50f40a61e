/** Part of the suite `secagg`: an update as packed words, and back. */
import { dequantise, groupMean, makeEncoding, quantise, wordCount } from '../src/core/secagg/encoding.ts';
import { type Bits, pack, Unpacker } from '../src/core/secagg/packing.ts';
import { type BenchResult, summarise, valuesInTurns } from './harness.ts';

const runs = 15;
const dimension = 1_000_000;
const members = 50;
/** What a socket gives at a time. */
const chunkBytes = 65_536;

/**
 * `encode.1e6`: a million values weighted, rounded and packed at 32 bits. `pack.1e6.b20` and `unpack.1e6.b20`: words of 20 bits, unpacked
 * from a stream. `decode.1e6`: the sum of a group as its mean. `floorMultiple`: over the time of one copy of the bytes of an update.
 */
export async function secaggEncoding(): Promise<BenchResult[]> {
  const encoding = makeEncoding({ bits: 32, clipNorm: 1, weightMax: 1000, dimension, members });
  const update = Float32Array.from({ length: dimension }, (_, i) => 1e-3 * Math.sin(1.7 * i));
  const words = quantise(update, 700, encoding);
  const packed = pack(words, 20);
  const [copied, unpacked] = [new Float32Array(dimension), new Int32Array(wordCount(encoding))];
  const works = {
    'encode.1e6': () => pack(quantise(update, 700, encoding), 32),
    'pack.1e6.b20': () => pack(words, 20),
    'unpack.1e6.b20': () => unpackStream(packed, unpacked, 20),
    'decode.1e6': () => groupMean(dequantise(words, encoding, 1), encoding),
  };
  const timed = (work: () => unknown) => () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const all = [() => copied.set(update), ...Object.values(works)].map(timed);
  await valuesInTurns(all, 3);
  const [copies, ...values] = await valuesInTurns(all, runs);
  const floor = [...copies].sort((a, b) => a - b)[runs >> 1];
  return Object.keys(works).map((name, i) => summarise(name, 'ms', values[i], undefined, floor));
}

function unpackStream(bytes: Uint8Array, words: Int32Array, bits: Bits): void {
  const unpacker = new Unpacker(words, bits);
  for (let at = 0; at < bytes.length; at += chunkBytes) unpacker.add(bytes.subarray(at, at + chunkBytes));
  unpacker.end();
}
