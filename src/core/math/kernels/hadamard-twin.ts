/** Twin of hadamard.as.ts: the Walsh–Hadamard transform in plain TypeScript, the same bits. */

/** values = H·values; as many as a power of two. */
export function hadamardTwin(values: Float64Array): void {
  for (let half = 1; half < values.length; half *= 2) {
    for (let start = 0; start < values.length; start += 2 * half) {
      for (let i = start; i < start + half; i++) {
        const [a, b] = [values[i], values[i + half]];
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
}
