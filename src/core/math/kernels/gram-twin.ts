/** Twin of gram.as.ts: Gram matrices in plain TypeScript, the same bits. Offsets and strides in float32 values. */
import type { GramKernels } from './gram.ts';

const { fround } = Math;
const lanes = 4;

/** The kernel over a memory: from offsets in bytes to the function below. */
export function gramTwin(m: Float32Array): GramKernels {
  return {
    gram: (values, stride, copy, gram, count, width, start) =>
      gramMatrix(m, values / 4, stride / 4, copy / 4, gram / 4, count, width, start),
  };
}

/** gram[t][s] = start + x_t·x_s, in 4 lanes. */
function gramMatrix(
  memory: Float32Array,
  values: number,
  stride: number,
  copy: number,
  gram: number,
  count: number,
  width: number,
  start: number,
): void {
  const padded = Math.ceil(width / lanes) * lanes;
  for (let t = 0; t < count; t++) {
    const at = values + t * stride;
    memory.fill(0, copy + t * padded, copy + (t + 1) * padded).copyWithin(copy + t * padded, at, at + width);
  }
  const l = new Float32Array(lanes);
  for (let t = 0; t < count; t++) {
    for (let s = 0; s < count; s++) {
      l.fill(0);
      for (let k = 0; k < padded; k++) {
        l[k % lanes] += fround(memory[copy + t * padded + k] * memory[copy + s * padded + k]);
      }
      memory[gram + t * count + s] = fround(start) + fround(fround(l[0] + l[2]) + fround(l[1] + l[3]));
    }
  }
}
