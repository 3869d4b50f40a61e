/** Twin of token.as.ts: embeddings in plain TypeScript, the same bits. Offsets in float32 values. */
import { dotProductTwin } from './rows-twin.ts';
import type { TokenKernels } from './token.ts';

/** The kernels over a memory: from offsets in bytes to the functions below. */
export function tokenTwin(m: Float32Array): TokenKernels {
  return {
    gatherTokens: (tokens, table, output, ...sizes) => gatherTokensTwin(m, tokens / 4, table / 4, output / 4, ...sizes),
    scatterTokens: (tokens, values, table, ...sizes) =>
      scatterTokensTwin(m, tokens / 4, values / 4, table / 4, ...sizes),
    // The twin keeps the slots to itself.
    addTokenSquares: (tokens, values, norms, _slots, sums, rows, steps, width) =>
      addTokenSquaresTwin(m, tokens / 4, values / 4, new Float64Array(m.buffer, norms, rows), sums / 4, steps, width),
  };
}

/** output[i] = table[tokens[i]]. */
function gatherTokensTwin(
  memory: Float32Array,
  tokens: number,
  table: number,
  output: number,
  count: number,
  width: number,
): void {
  for (let i = 0; i < count; i++) {
    const from = table + memory[tokens + i] * width;
    memory.copyWithin(output + i * width, from, from + width);
  }
}

/** table[tokens[i]] += values[i], i ascending. */
function scatterTokensTwin(
  memory: Float32Array,
  tokens: number,
  values: number,
  table: number,
  count: number,
  width: number,
): void {
  for (let i = 0; i < count; i++) add(memory, values + i * width, table + memory[tokens + i] * width, width);
}

/** norms[row] += Σ over distinct tokens of the squared length of their summed values. */
function addTokenSquaresTwin(
  memory: Float32Array,
  tokens: number,
  values: number,
  norms: Float64Array,
  sums: number,
  steps: number,
  width: number,
): void {
  for (let row = 0; row < norms.length; row++) {
    const places = new Map<number, number>();
    for (let i = row * steps; i < (row + 1) * steps; i++) {
      const place = places.get(memory[tokens + i]);
      const value = values + i * width;
      if (place === undefined) {
        memory.copyWithin(sums + places.size * width, value, value + width);
        places.set(memory[tokens + i], places.size);
      } else add(memory, value, sums + place * width, width);
    }
    norms[row] += dotProductTwin(memory, sums, sums, places.size * width);
  }
}

function add(memory: Float32Array, from: number, to: number, count: number): void {
  for (let j = 0; j < count; j++) memory[to + j] = memory[to + j] + memory[from + j];
}
