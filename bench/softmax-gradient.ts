/** Softmax regression on gmix in float64: what the protocols of suite `utility` add up where no trainer of one site does. */
import { type GmixSet, gmixClasses, gmixWidth } from './gmix.ts';

/** What stands for 1 at the intercept: little beside rows of norm 1, so that clipping leaves these more. */
const unit = 0.4;

/** Class by class 50 weights and an intercept. */
export const outputs = gmixClasses * (gmixWidth + 1);

/** Adds the gradient of one row, scaled down to `clipNorm` where it is longer. */
export function addGradient(sum: Float64Array, model: Float64Array, set: GmixSet, row: number, clipNorm: number): void {
  const { features, labels } = set;
  const errors = softmax(logits(model, set, row));
  errors[labels[row]] -= 1;
  // Rows have norm 1.
  const norm = Math.sqrt((1 + unit * unit) * errors.reduce((squares, error) => squares + error * error, 0));
  const factor = Math.min(1, clipNorm / norm);
  for (let k = 0; k < gmixClasses; k++) {
    const [at, error] = [k * (gmixWidth + 1), factor * errors[k]];
    for (let i = 0; i < gmixWidth; i++) sum[at + i] += error * features[row * gmixWidth + i];
    sum[at + gmixWidth] += error * unit;
  }
}

/** Share of the rows whose class the model says. */
export function softmaxAccuracy(model: Float64Array, set: GmixSet): number {
  let correct = 0;
  for (let row = 0; row < set.labels.length; row++) {
    const values = logits(model, set, row);
    correct += Number(values.indexOf(Math.max(...values)) === set.labels[row]);
  }
  return correct / set.labels.length;
}

function logits(model: Float64Array, { features }: GmixSet, row: number): Float64Array {
  const values = new Float64Array(gmixClasses);
  for (let k = 0; k < gmixClasses; k++) {
    const at = k * (gmixWidth + 1);
    let sum = model[at + gmixWidth] * unit;
    for (let i = 0; i < gmixWidth; i++) sum += model[at + i] * features[row * gmixWidth + i];
    values[k] = sum;
  }
  return values;
}

function softmax(values: Float64Array): Float64Array {
  const top = Math.max(...values);
  const weights = values.map(value => Math.exp(value - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map(weight => weight / total);
}
