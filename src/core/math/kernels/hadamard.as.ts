// The Walsh–Hadamard transform in float64. Twin: hadamard-twin.ts.
const partLength: usize = 4096; // what the first-level cache holds

/** values = H·values. */
export function hadamard(values: usize, count: usize): void {
  const part = min(count, partLength);
  for (let at: usize = 0; at < count; at += part) butterflies(values + at * 8, part, 1);
  butterflies(values, count, part);
}

function butterflies(values: usize, count: usize, from: usize): void {
  const end = values + count * 8;
  for (let half = from * 8; half < count * 8; half <<= 1) {
    for (let start = values; start < end; start += 2 * half) {
      if (half == 8) {
        const a = load<f64>(start), b = load<f64>(start, 8);
        store<f64>(start, a + b);
        store<f64>(start, a - b, 8);
        continue;
      }
      for (let at = start; at < start + half; at += 16) {
        const a = v128.load(at), b = v128.load(at + half);
        v128.store(at, f64x2.add(a, b));
        v128.store(at + half, f64x2.sub(a, b));
      }
    }
  }
}
