/**
 * Server optimisers: how the mean difference of a round moves the global parameters.
 *
 * FedAvg and FedAvgM (Hsu et al. 2019), FedAdagrad, FedAdam, FedYogi (Reddi et al. 2021, Algorithm 2). As FLamby and
 * Flower do, the second moment starts at 0, where the paper asks for τ² or more; no bias correction, as in the paper.
 */
import type { ServerSettings } from '../protocol/task.ts';

/** Moments of the differences, float64 in parameter order; of length 0 where the optimiser keeps none. */
export interface ServerState {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** The state before round 1: zeros. */
export function initialServerState(settings: ServerSettings, length: number): ServerState {
  const { first, second } = momentLengths(settings, length);
  return { first: new Float64Array(first), second: new Float64Array(second) };
}

/**
 * One step. `aggregate` is the weighted mean of (trained − global): a direction to go, not a gradient to go against.
 * Arithmetic is float64, the parameters are rounded once. The arguments stay as they are.
 * Throws RangeError when lengths differ.
 */
export function applyServerOptimizer(
  settings: ServerSettings,
  state: ServerState,
  global: Float32Array,
  aggregate: Float32Array,
): { state: ServerState; parameters: Float32Array<ArrayBuffer> } {
  const { length } = global;
  if (aggregate.length !== length) {
    throw new RangeError(`applyServerOptimizer: ${aggregate.length} differences for ${length} parameters`);
  }
  const expected = momentLengths(settings, length);
  if (state.first.length !== expected.first || state.second.length !== expected.second) {
    throw new RangeError('applyServerOptimizer: the state is of another optimiser or model');
  }
  return settings.optimizer === 'fedavg'
    ? average(settings, state, global, aggregate)
    : adapt(settings, state, global, aggregate);
}

/** The state as bytes: first then second moments, float64, little-endian. Empty where nothing is kept. */
export function serverStateToBytes(state: ServerState): Uint8Array<ArrayBuffer> {
  const values = new Float64Array(state.first.length + state.second.length);
  values.set(state.first);
  values.set(state.second, state.first.length);
  return new Uint8Array(values.buffer);
}

/** The state of `serverStateToBytes`, exactly; null (nothing stored yet) is the initial one. Throws RangeError for another length. */
export function serverStateFromBytes(settings: ServerSettings, length: number, bytes: Uint8Array | null): ServerState {
  const { first, second } = momentLengths(settings, length);
  if (bytes === null) return initialServerState(settings, length);
  if (bytes.length !== 8 * (first + second)) {
    throw new RangeError(`serverStateFromBytes: ${bytes.length} bytes, expected ${8 * (first + second)}`);
  }
  const copy = bytes.slice().buffer;
  return { first: new Float64Array(copy, 0, first), second: new Float64Array(copy, 8 * first, second) };
}

/** How many values of each moment the optimiser keeps. */
function momentLengths(settings: ServerSettings, length: number): { first: number; second: number } {
  if (settings.optimizer === 'fedavg') return { first: settings.momentum > 0 ? length : 0, second: 0 };
  return { first: length, second: length };
}

/** v = βv + Δ; w += η·v. Without momentum w += η·Δ. */
function average(
  { learningRate, momentum }: Extract<ServerSettings, { optimizer: 'fedavg' }>,
  state: ServerState,
  global: Float32Array,
  aggregate: Float32Array,
): { state: ServerState; parameters: Float32Array<ArrayBuffer> } {
  const parameters = new Float32Array(global.length);
  if (momentum === 0) {
    for (let i = 0; i < global.length; i++) parameters[i] = global[i] + learningRate * aggregate[i];
    return { state, parameters };
  }
  const first = new Float64Array(global.length);
  for (let i = 0; i < global.length; i++) {
    first[i] = momentum * state.first[i] + aggregate[i];
    parameters[i] = global[i] + learningRate * first[i];
  }
  return { state: { first, second: state.second }, parameters };
}

/** m = β1·m + (1 − β1)Δ; v by the rule; w += η·m / (√v + τ). */
function adapt(
  settings: Exclude<ServerSettings, { optimizer: 'fedavg' }>,
  state: ServerState,
  global: Float32Array,
  aggregate: Float32Array,
): { state: ServerState; parameters: Float32Array<ArrayBuffer> } {
  const { learningRate, beta1, tau } = settings;
  const accumulate = secondMoment(settings);
  const first = new Float64Array(global.length);
  const second = new Float64Array(global.length);
  const parameters = new Float32Array(global.length);
  for (let i = 0; i < global.length; i++) {
    const delta = aggregate[i];
    first[i] = beta1 * state.first[i] + (1 - beta1) * delta;
    second[i] = accumulate(state.second[i], delta * delta);
    parameters[i] = global[i] + (learningRate * first[i]) / (Math.sqrt(second[i]) + tau);
  }
  return { state: { first, second }, parameters };
}

function secondMoment({
  optimizer,
  beta2,
}: Exclude<ServerSettings, { optimizer: 'fedavg' }>): (second: number, square: number) => number {
  switch (optimizer) {
    case 'fedadagrad':
      return (second, square) => second + square;
    case 'fedadam':
      return (second, square) => beta2 * second + (1 - beta2) * square;
    case 'fedyogi':
      return (second, square) => second - (1 - beta2) * square * Math.sign(second - square);
  }
}
