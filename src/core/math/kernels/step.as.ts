// Optimiser steps on flat float32 vectors. Twin: step-twin.ts. Vectors of four, then the rest as one padded vector:
// every vector ends on a 16-byte boundary (Layout pads it), so the padding is never another tensor.

/** gradient += decay·w + proximal·(w − anchor). */
export function regularise(gradient: usize, parameters: usize, anchor: usize, count: usize, decay: f32, proximal: f32): void {
  const d = f32x4.splat(decay);
  const m = f32x4.splat(proximal);
  for (let at: usize = 0; at < count * 4; at += 16) {
    const w = v128.load(parameters + at);
    const pull = f32x4.mul(m, f32x4.sub(w, v128.load(anchor + at)));
    v128.store(gradient + at, f32x4.add(f32x4.add(v128.load(gradient + at), f32x4.mul(d, w)), pull));
  }
}

/** w −= rate·g. */
export function sgdStep(parameters: usize, gradient: usize, count: usize, rate: f32): void {
  const r = f32x4.splat(rate);
  for (let at: usize = 0; at < count * 4; at += 16) {
    v128.store(parameters + at, f32x4.sub(v128.load(parameters + at), f32x4.mul(r, v128.load(gradient + at))));
  }
}

/** v = momentum·v + g; w −= rate·v. */
export function momentumStep(parameters: usize, gradient: usize, velocity: usize, count: usize, rate: f32, momentum: f32): void {
  const r = f32x4.splat(rate);
  const u = f32x4.splat(momentum);
  for (let at: usize = 0; at < count * 4; at += 16) {
    const v = f32x4.add(f32x4.mul(u, v128.load(velocity + at)), v128.load(gradient + at));
    v128.store(velocity + at, v);
    v128.store(parameters + at, f32x4.sub(v128.load(parameters + at), f32x4.mul(r, v)));
  }
}

/** v = momentum·v + g; w −= rate·(g + momentum·v). */
export function nesterovStep(parameters: usize, gradient: usize, velocity: usize, count: usize, rate: f32, momentum: f32): void {
  const r = f32x4.splat(rate);
  const u = f32x4.splat(momentum);
  for (let at: usize = 0; at < count * 4; at += 16) {
    const g = v128.load(gradient + at);
    const v = f32x4.add(f32x4.mul(u, v128.load(velocity + at)), g);
    v128.store(velocity + at, v);
    const step = f32x4.mul(r, f32x4.add(g, f32x4.mul(u, v)));
    v128.store(parameters + at, f32x4.sub(v128.load(parameters + at), step));
  }
}

/**
 * m = β1·m + (1 − β1)·g; v = β2·v + (1 − β2)·g²; w = kept·w − rate·m / (√v·scale + ε). Bias corrections are in rate and scale,
 * decay apart from the gradient in kept.
 */
export function adamStep(
  parameters: usize, gradient: usize, first: usize, second: usize, count: usize,
  rate: f32, scale: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32, epsilon: f32, kept: f32,
): void {
  const r = f32x4.splat(rate);
  const s = f32x4.splat(scale);
  const b1 = f32x4.splat(beta1);
  const n1 = f32x4.splat(rest1);
  const b2 = f32x4.splat(beta2);
  const n2 = f32x4.splat(rest2);
  const e = f32x4.splat(epsilon);
  const k = f32x4.splat(kept);
  for (let at: usize = 0; at < count * 4; at += 16) {
    const g = v128.load(gradient + at);
    const m = f32x4.add(f32x4.mul(b1, v128.load(first + at)), f32x4.mul(n1, g));
    const v = f32x4.add(f32x4.mul(b2, v128.load(second + at)), f32x4.mul(n2, f32x4.mul(g, g)));
    v128.store(first + at, m);
    v128.store(second + at, v);
    const step = f32x4.div(f32x4.mul(r, m), f32x4.add(f32x4.mul(f32x4.sqrt(v), s), e));
    v128.store(parameters + at, f32x4.sub(f32x4.mul(k, v128.load(parameters + at)), step));
  }
}
