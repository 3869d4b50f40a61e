/** Twin of loss.as.ts: losses and their gradients by the logits in plain TypeScript, float64 inside. */
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
