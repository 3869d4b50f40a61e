// Embeddings: rows of a table by token number, and gradients back to them. Twin: token-twin.ts.
import { addScaled, dotProduct } from './rows.as';

/** output[i] = table[tokens[i]]. */
export function gatherTokens(tokens: usize, table: usize, output: usize, count: usize, width: usize): void {
  const bytes = width * 4;
  for (let i: usize = 0; i < count; i++) memory.copy(output + i * bytes, table + tokenAt(tokens, i) * bytes, bytes);
}

/** table[tokens[i]] += values[i], i ascending. */
export function scatterTokens(tokens: usize, values: usize, table: usize, count: usize, width: usize): void {
  const bytes = width * 4;
  for (let i: usize = 0; i < count; i++) addScaled(values + i * bytes, table + tokenAt(tokens, i) * bytes, width, 1);
}

/** norms[row] += Σ over distinct tokens of the squared length of their summed values. A slot is 1 + the place of its sum. */
export function addTokenSquares(
  tokens: usize, values: usize, norms: usize, slots: usize, sums: usize, rows: usize, steps: usize, width: usize,
): void {
  const bytes = width * 4;
  for (let row: usize = 0; row < rows; row++) {
    let distinct: usize = 0;
    for (let i: usize = 0; i < steps; i++) {
      const slot = slots + tokenAt(tokens, i) * 4;
      const value = values + i * bytes;
      const place = <usize>load<u32>(slot);
      if (place == 0) {
        memory.copy(sums + distinct * bytes, value, bytes);
        store<u32>(slot, <u32>++distinct);
      } else addScaled(value, sums + (place - 1) * bytes, width, 1);
    }
    const size = distinct * width;
    store<f64>(norms + row * 8, load<f64>(norms + row * 8) + dotProduct(sums, sums, size));
    for (let i: usize = 0; i < steps; i++) store<u32>(slots + tokenAt(tokens, i) * 4, 0);
    tokens += steps * 4;
    values += steps * bytes;
  }
}

// @ts-ignore: decorator
@inline
function tokenAt(tokens: usize, i: usize): usize {
  return <usize>load<f32>(tokens + i * 4);
}
