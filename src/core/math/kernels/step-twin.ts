/** Twin of step.as.ts: optimiser steps in plain TypeScript. Settings are rounded to float32 first, as a WebAssembly call does. */

const { fround, sqrt } = Math;

/** gradient += decay·w + proximal·(w − anchor). Offsets in float32 values. */
export function regulariseTwin(
  memory: Float32Array,
  gradient: number,
  parameters: number,
  anchor: number,
  count: number,
  decay: number,
  proximal: number,
): void {
  const d = fround(decay);
  const m = fround(proximal);
  for (let i = 0; i < count; i++) {
    const w = memory[parameters + i];
    const pull = fround(m * fround(w - memory[anchor + i]));
    memory[gradient + i] = fround(memory[gradient + i] + fround(d * w)) + pull;
  }
}

/** w −= rate·g. */
export function sgdStepTwin(
  memory: Float32Array,
  parameters: number,
  gradient: number,
  count: number,
  rate: number,
): void {
  const r = fround(rate);
  for (let i = 0; i < count; i++) memory[parameters + i] = memory[parameters + i] - fround(r * memory[gradient + i]);
}

/** v = momentum·v + g; w −= rate·v. */
export function momentumStepTwin(
  memory: Float32Array,
  parameters: number,
  gradient: number,
  velocity: number,
  count: number,
  rate: number,
  momentum: number,
): void {
  const r = fround(rate);
  const u = fround(momentum);
  for (let i = 0; i < count; i++) {
    const v = fround(fround(u * memory[velocity + i]) + memory[gradient + i]);
    memory[velocity + i] = v;
    memory[parameters + i] = memory[parameters + i] - fround(r * v);
  }
}

/** v = momentum·v + g; w −= rate·(g + momentum·v). */
export function nesterovStepTwin(
  memory: Float32Array,
  parameters: number,
  gradient: number,
  velocity: number,
  count: number,
  rate: number,
  momentum: number,
): void {
  const r = fround(rate);
  const u = fround(momentum);
  for (let i = 0; i < count; i++) {
    const g = memory[gradient + i];
    const v = fround(fround(u * memory[velocity + i]) + g);
    memory[velocity + i] = v;
    memory[parameters + i] = memory[parameters + i] - fround(r * fround(g + fround(u * v)));
  }
}

/** m = β1·m + rest1·g; v = β2·v + rest2·g²; w = kept·w − rate·m / (√v·scale + ε). */
export function adamStepTwin(
  memory: Float32Array,
  parameters: number,
  gradient: number,
  first: number,
  second: number,
  count: number,
  rate: number,
  scale: number,
  beta1: number,
  rest1: number,
  beta2: number,
  rest2: number,
  epsilon: number,
  kept: number,
): void {
  const r = fround(rate);
  const s = fround(scale);
  const b1 = fround(beta1);
  const n1 = fround(rest1);
  const b2 = fround(beta2);
  const n2 = fround(rest2);
  const e = fround(epsilon);
  const k = fround(kept);
  for (let i = 0; i < count; i++) {
    const g = memory[gradient + i];
    const m = fround(fround(b1 * memory[first + i]) + fround(n1 * g));
    const v = fround(fround(b2 * memory[second + i]) + fround(n2 * fround(g * g)));
    memory[first + i] = m;
    memory[second + i] = v;
    const step = fround(fround(r * m) / fround(fround(fround(sqrt(v)) * s) + e));
    memory[parameters + i] = fround(k * memory[parameters + i]) - step;
  }
}
