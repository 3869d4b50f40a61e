// Losses and their gradients by the outputs, scalar float64 inside. Twin: loss-twin.ts.

/**
 * Sum over rows of log(1 + exp(z)) − y·z, and gradient = (σ(z) − y) / batch.
 * logits, labels (0 or 1), gradient: one float32 per row.
 */
export function logisticLoss(logits: usize, labels: usize, gradient: usize, rows: usize, batch: f64): f64 {
  let loss: f64 = 0;
  for (let i: usize = 0; i < rows; i++) {
    const z = <f64>load<f32>(logits + i * 4);
    const y = <f64>load<f32>(labels + i * 4);
    const e = expNegative(-abs(z));
    const p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    loss += max(z, 0) - z * y + log1pUnit(e);
    store<f32>(gradient + i * 4, <f32>((p - y) / batch));
  }
  return loss;
}

/**
 * Sum over rows of −log softmax(z)[y], and gradient = (softmax(z) − onehot(y)) / batch.
 * logits, gradient: rows × classes; labels: one class index per row, as float32.
 */
export function softmaxLoss(logits: usize, labels: usize, gradient: usize, rows: usize, classes: usize, batch: f64): f64 {
  let loss: f64 = 0;
  for (let i: usize = 0; i < rows; i++) {
    const z = logits + i * classes * 4;
    const g = gradient + i * classes * 4;
    const label = <usize>load<f32>(labels + i * 4);
    let top = <f64>load<f32>(z);
    for (let j: usize = 1; j < classes; j++) top = max(top, <f64>load<f32>(z + j * 4));
    let sum: f64 = 0;
    for (let j: usize = 0; j < classes; j++) sum += expNegative(<f64>load<f32>(z + j * 4) - top);
    loss += top - <f64>load<f32>(z + label * 4) + logAtLeastOne(sum);
    for (let j: usize = 0; j < classes; j++) {
      const p = expNegative(<f64>load<f32>(z + j * 4) - top) / sum;
      store<f32>(g + j * 4, <f32>((p - (j == label ? 1.0 : 0.0)) / batch));
    }
  }
  return loss;
}

/** Σ (z − y)², and gradient = 2(z − y) / batch. */
export function squaredLoss(outputs: usize, labels: usize, gradient: usize, count: usize, batch: f64): f64 {
  let loss: f64 = 0;
  for (let at: usize = 0; at < count * 4; at += 4) {
    const d = <f64>load<f32>(outputs + at) - <f64>load<f32>(labels + at);
    loss += d * d;
    store<f32>(gradient + at, <f32>(2 * d / batch));
  }
  return loss;
}

/** Σ ½d² where |d| ≤ delta, else delta·(|d| − ½delta), with d = z − y; gradient = its derivative / batch. */
export function huberLoss(outputs: usize, labels: usize, gradient: usize, count: usize, batch: f64, delta: f64): f64 {
  let loss: f64 = 0;
  for (let at: usize = 0; at < count * 4; at += 4) {
    const d = <f64>load<f32>(outputs + at) - <f64>load<f32>(labels + at);
    loss += abs(d) <= delta ? 0.5 * d * d : delta * (abs(d) - 0.5 * delta);
    store<f32>(gradient + at, <f32>(min(max(d, -delta), delta) / batch));
  }
  return loss;
}

/** Σ max(q·d, (q − 1)·d) with d = y − z; gradient = its derivative by z / batch. Outputs and gradient `stride` bytes apart. */
export function pinballLoss(
  outputs: usize, labels: usize, gradient: usize, count: usize, stride: usize, batch: f64, level: f64,
): f64 {
  let loss: f64 = 0;
  for (let i: usize = 0; i < count; i++) {
    const d = <f64>load<f32>(labels + i * 4) - <f64>load<f32>(outputs + i * stride);
    loss += d > 0 ? level * d : (level - 1) * d;
    const slope = d > 0 ? -level : d < 0 ? 1 - level : d;
    store<f32>(gradient + i * stride, <f32>(slope / batch));
  }
  return loss;
}

// The same steps as elementary.ts.
function expNegative(x: f64): f64 {
  if (!(x >= -708)) return x < -708 ? 0 : x; // below: less than 2^-1021; NaN stays
  const magic: f64 = 6755399441055744; // 1.5 · 2^52
  const n = x * 1.4426950408889634 + magic - magic;
  const r = x - n * 0.6931471803691238 - n * 1.9082149292705877e-10;
  let p: f64 = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return p * reinterpret<f64>((<i64>n + 1023) << 52);
}

function log1pUnit(x: f64): f64 {
  const s = x / (2 + x);
  const q = s * s;
  let sum: f64 = 0;
  for (let odd: f64 = 31; odd > 1; odd -= 2) sum = (sum + 1 / odd) * q;
  return 2 * (s + s * sum);
}

function logAtLeastOne(x: f64): f64 {
  let halvings: f64 = 0;
  while (x >= 2 && halvings < 1024) {
    x *= 0.5;
    halvings++;
  }
  return halvings * 0.6931471805599453 + log1pUnit(x - 1);
}
