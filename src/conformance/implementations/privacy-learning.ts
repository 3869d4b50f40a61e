/** Clipping, adaptive clipping and sampling as the vectors of privacy call them. */
import { drawBatch } from '../../core/learning/private-batches.ts';
import { RandomStream } from '../../core/math/random.ts';
import * as adaptive from '../../core/privacy/adaptive-clip.ts';
import { clipL2 } from '../../core/privacy/clip.ts';
import { requireCount } from '../../core/privacy/ranges.ts';
import type { Implementations } from '../case.ts';
import { type Input, num, numOr, nums } from './privacy-input.ts';

const functions: Readonly<Record<string, (input: Input) => unknown>> = {
  adaptiveClipUpdate: i =>
    adaptive.adaptiveClipUpdate(
      num(i, 'clip'),
      num(i, 'observed_unclipped_fraction'),
      num(i, 'target_unclipped_quantile'),
      num(i, 'learning_rate'),
    ),
  adaptiveClipSequence: i => {
    if (numOr(i, 'noise', 0) !== 0) throw new TypeError('conformance: a sequence with noise has no one value');
    return adaptive.adaptiveClipSequence(
      nums(i, 'norms'),
      num(i, 'initial_clip'),
      num(i, 'target_unclipped_quantile'),
      num(i, 'learning_rate'),
      num(i, 'rounds'),
      i.geometric === false ? adaptive.adaptiveClipLinearUpdate : adaptive.adaptiveClipUpdate,
    );
  },
  adaptiveClipConverges: i => {
    const norms = lognormalNorms(i.norms);
    const [initial, target] = [num(i, 'initial_clip'), num(i, 'target')];
    const clips = adaptive.adaptiveClipSequence(norms, initial, target, num(i, 'learning_rate'), num(i, 'rounds'));
    const sorted = norms.toSorted();
    const quantile = sorted[Math.min(sorted.length - 1, Math.floor(target * sorted.length))];
    return Math.abs(clips[clips.length - 1] - quantile) < 0.1 * quantile;
  },
  adaptiveClipIndicatorScale: i =>
    adaptive.adaptiveClipIndicatorScale(num(i, 'clip'), num(i, 'sigma_delta'), num(i, 'sigma_indicator')),
  adaptiveClipNoiseMultiplier: i =>
    adaptive.adaptiveClipNoiseMultiplier(num(i, 'effective_noise_multiplier'), num(i, 'clipped_count_stddev')),
  clipL2: i => clipped(i),
  poissonBatchSize: i => batchSizes(num(i, 'n'), num(i, 'q'), num(i, 'rounds')),
};

export const privacyLearningFunctions: Implementations = Object.fromEntries(
  Object.entries(functions).map(([name, run]) => [`privacy/${name}`, { precision: 'float64', run }]),
);

/** "exp(0.5*N(0,1)), 100 clients …", or the norms themselves. */
function lognormalNorms(value: unknown): Float64Array {
  if (Array.isArray(value)) return Float64Array.from(nums({ value }, 'value'));
  const rule = /^exp\(([\d.]+)\*N\(0,1\)\), (\d+) clients/.exec(String(value));
  if (rule === null) throw new TypeError(`conformance: norms "${String(value)}" are not understood`);
  const stream = new RandomStream(new Uint8Array(32));
  return Float64Array.from({ length: Number(rule[2]) }, () => Math.exp(Number(rule[1]) * stream.normal()));
}

/** `vectors` are clipped each for itself, `tensors` together. */
function clipped(input: Input): unknown {
  const [clip, rounded] = [num(input, 'clip'), input.dtype === 'float32'];
  const toType = (part: Float64Array): number[] => [...(rounded ? Float32Array.from(part) : part)];
  if (Array.isArray(input.vectors))
    return input.vectors.flatMap(vector => clipL2([Float64Array.from(flat(vector))], clip).map(toType));
  if (!Array.isArray(input.tensors)) throw new RangeError('expected vectors or tensors');
  const parts = clipL2(
    input.tensors.map(tensor => Float64Array.from(flat(tensor))),
    clip,
  );
  return parts.map((part, i) => reshaped(toType(part), input.tensors as unknown[], i));
}

function flat(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(flat);
  return [num({ value }, 'value')];
}

/** Numbers in the nesting of the tensor they came from. */
function reshaped(values: number[], tensors: readonly unknown[], index: number): unknown {
  let next = 0;
  const like = (value: unknown): unknown => (Array.isArray(value) ? value.map(like) : values[next++]);
  return like(tensors[index]);
}

/** Mean, variance and share of empty batches over so many draws, each with its standard error. */
function batchSizes(n: number, samplingRate: number, rounds: number): unknown {
  requireCount('rounds', rounds, 1);
  const stream = new RandomStream(new Uint8Array(32).fill(1));
  const randomBytes = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): void => {
    const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
    for (let i = 0; i < words.length; i++) words[i] = stream.uint32();
  };
  const sizes = Float64Array.from({ length: rounds }, () => drawBatch(n, samplingRate, randomBytes).length);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / rounds;
  const moment = (power: number): number => sizes.reduce((sum, size) => sum + (size - mean) ** power, 0) / rounds;
  const [variance, fourth, empty] = [moment(2), moment(4), sizes.filter(size => size === 0).length / rounds];
  return {
    mean: { value: mean, standardError: Math.sqrt(variance / rounds) },
    variance: { value: variance, standardError: Math.sqrt(Math.max(0, fourth - variance ** 2) / rounds) },
    // With no empty batch seen, one more or less is what may be missed.
    p_empty: { value: empty, standardError: Math.sqrt((empty * (1 - empty)) / rounds) + 1 / rounds },
  };
}
