/** Local optimisers: SGD, momentum, Adam, AdamW, with weight decay and FedProx's pull towards the global model. */
import type { Kernels, Layout } from '../math/kernels/kernels.ts';
import type { OptimizerSettings } from '../protocol/training-settings.ts';
import type { NetworkPlan } from './network.ts';

export interface OptimizerPlan {
  readonly settings: OptimizerSettings;
  /** µ of ½µ‖w − anchor‖² (Li et al. 2020). */
  readonly proximal: number;
  /** Offsets; 0 where the optimiser needs no such vector. */
  readonly anchor: number;
  readonly first: number;
  readonly second: number;
}

/** Lays out what the optimiser keeps. */
export function planOptimizer(
  layout: Layout,
  settings: OptimizerSettings,
  proximal: number,
  count: number,
): OptimizerPlan {
  const isAdaptive = settings.name === 'adam' || settings.name === 'adamw';
  return {
    settings,
    proximal,
    anchor: proximal > 0 || gradientDecay(settings) > 0 ? layout.float32(count) : 0,
    first: settings.name === 'sgd' ? 0 : layout.float32(count),
    second: isAdaptive ? layout.float32(count) : 0,
  };
}

/** Weight decay that is part of the gradient. */
function gradientDecay(settings: OptimizerSettings): number {
  return settings.name === 'adamw' ? 0 : settings.weightDecay;
}

/**
 * Steps from the parameters in memory, which become the anchor; moments start at 0. Momentum without dampening, Nesterov's
 * (Sutskever et al. 2013) as PyTorch has it, Adam with bias correction. Weight decay is the L2 term added to the gradient, of
 * biases too; that of `adamw` is apart from it (Loshchilov and Hutter 2019): w shrinks by rate × decay, as in PyTorch.
 */
export class LocalOptimizer {
  readonly #kernels: Kernels;
  readonly #network: NetworkPlan;
  readonly #plan: OptimizerPlan;
  /** β1^t and β2^t. */
  #power1 = 1;
  #power2 = 1;

  constructor(kernels: Kernels, network: NetworkPlan, plan: OptimizerPlan) {
    this.#kernels = kernels;
    this.#network = network;
    this.#plan = plan;
    const vector = (offset: number) => new Float32Array(kernels.buffer, offset, network.count);
    if (plan.anchor !== 0) vector(plan.anchor).set(vector(network.parameters));
    for (const moment of [plan.first, plan.second]) if (moment !== 0) vector(moment).fill(0);
  }

  /**
   * One step along the gradient in memory, which it may change.
   *
   * @param rateFactor what the schedule multiplies the learning rate with, and with it the decay of `adamw`.
   */
  step(rateFactor = 1): void {
    const { parameters, gradient, count } = this.#network;
    const { settings, proximal, anchor, first, second } = this.#plan;
    const kernels = this.#kernels;
    const rate = settings.learningRate * rateFactor;
    if (anchor !== 0) kernels.regularise(gradient, parameters, anchor, count, gradientDecay(settings), proximal);
    switch (settings.name) {
      case 'sgd':
        return kernels.sgdStep(parameters, gradient, count, rate);
      case 'momentum':
        return settings.nesterov
          ? kernels.nesterovStep(parameters, gradient, first, count, rate, settings.momentum)
          : kernels.momentumStep(parameters, gradient, first, count, rate, settings.momentum);
      case 'adam':
      case 'adamw': {
        const { beta1, beta2, epsilon } = settings;
        this.#power1 *= beta1;
        this.#power2 *= beta2;
        const corrected = rate / (1 - this.#power1);
        const scale = 1 / Math.sqrt(1 - this.#power2);
        const moments = [beta1, 1 - beta1, beta2, 1 - beta2] as const;
        const kept = settings.name === 'adamw' ? 1 - rate * settings.weightDecay : 1;
        return kernels.adamStep(
          parameters,
          gradient,
          first,
          second,
          count,
          corrected,
          scale,
          ...moments,
          epsilon,
          kept,
        );
      }
    }
  }
}
