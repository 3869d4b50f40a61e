/** Twin of loss.as.ts: losses and their gradients by the outputs in plain TypeScript, float64 inside. */
import { expNegative, log1pUnit, logAtLeastOne } from '../elementary.ts';

/** Σ log(1 + exp z) − y·z over rows; gradient = (σ(z) − y) / batch. Offsets in float32 values. */
export function logisticLossTwin(
  memory: Float32Array,
  logits: number,
  labels: number,
  gradient: number,
  rows: number,
  batch: number,
): number {
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    const z = memory[logits + i];
    const y = memory[labels + i];
    const e = expNegative(-Math.abs(z));
    const p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    loss += Math.max(z, 0) - z * y + log1pUnit(e);
    memory[gradient + i] = (p - y) / batch;
  }
  return loss;
}

/** Σ −log softmax(z)[y] over rows; gradient = (softmax(z) − onehot(y)) / batch. */
export function softmaxLossTwin(
  memory: Float32Array,
  logits: number,
  labels: number,
  gradient: number,
  rows: number,
  classes: number,
  batch: number,
): number {
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    const z = logits + i * classes;
    const g = gradient + i * classes;
    const label = memory[labels + i];
    let top = memory[z];
    for (let j = 1; j < classes; j++) top = Math.max(top, memory[z + j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += expNegative(memory[z + j] - top);
    loss += top - memory[z + label] + logAtLeastOne(sum);
    for (let j = 0; j < classes; j++) {
      const p = expNegative(memory[z + j] - top) / sum;
      memory[g + j] = (p - (j === label ? 1 : 0)) / batch;
    }
  }
  return loss;
}

/** Σ (z − y)²; gradient = 2(z − y) / batch. */
export function squaredLossTwin(
  memory: Float32Array,
  outputs: number,
  labels: number,
  gradient: number,
  count: number,
  batch: number,
): number {
  let loss = 0;
  for (let i = 0; i < count; i++) {
    const d = memory[outputs + i] - memory[labels + i];
    loss += d * d;
    memory[gradient + i] = (2 * d) / batch;
  }
  return loss;
}

/** Σ ½d² where |d| ≤ delta, else delta·(|d| − ½delta), with d = z − y; gradient = its derivative / batch. */
export function huberLossTwin(
  memory: Float32Array,
  outputs: number,
  labels: number,
  gradient: number,
  count: number,
  batch: number,
  delta: number,
): number {
  let loss = 0;
  for (let i = 0; i < count; i++) {
    const d = memory[outputs + i] - memory[labels + i];
    loss += Math.abs(d) <= delta ? 0.5 * d * d : delta * (Math.abs(d) - 0.5 * delta);
    memory[gradient + i] = Math.min(Math.max(d, -delta), delta) / batch;
  }
  return loss;
}

/** Σ max(q·d, (q − 1)·d) with d = y − z; gradient = its derivative by z / batch. Stride in float32 values. */
export function pinballLossTwin(
  memory: Float32Array,
  outputs: number,
  labels: number,
  gradient: number,
  count: number,
  stride: number,
  batch: number,
  level: number,
): number {
  let loss = 0;
  for (let i = 0; i < count; i++) {
    const d = memory[labels + i] - memory[outputs + i * stride];
    loss += d > 0 ? level * d : (level - 1) * d;
    memory[gradient + i * stride] = (d > 0 ? -level : d < 0 ? 1 - level : d) / batch;
  }
  return loss;
}
