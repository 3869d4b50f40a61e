/** A worker thread's side of training: answers the requests of `GradientWorkers`. */
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, type Kernels, Layout } from '../math/kernels/kernels.ts';
import type { WorkerAssignment, WorkerReply, WorkerRequest } from './gradient-workers.ts';
import { type NetworkPlan, planNetwork } from './network.ts';
import { PartLearner } from './part-learner.ts';

interface OpenRound {
  readonly kernels: Kernels;
  readonly plan: NetworkPlan;
  readonly learner: PartLearner;
  readonly assignment: WorkerAssignment;
}

/** Holds the memory of rounds that are open. */
export class PartWorker {
  readonly #source: KernelSource;
  readonly #rounds = new Map<number, OpenRound>();

  constructor(source: KernelSource = bestKernels()) {
    this.#source = source;
  }

  answer(request: WorkerRequest): WorkerReply {
    switch (request.kind) {
      case 'open':
        this.#rounds.set(request.round, this.#open(request.assignment));
        return [];
      case 'close': {
        const open = this.#rounds.get(request.round);
        if (open !== undefined) this.#source.release(open.kernels);
        this.#rounds.delete(request.round);
        return [];
      }
      case 'learn': {
        const open = this.#rounds.get(request.round);
        if (open === undefined) throw new TypeError(`worker: round ${request.round} is not open`);
        return learn(open, request);
      }
    }
  }

  #open(assignment: WorkerAssignment): OpenRound {
    const layout = new Layout();
    const purpose = assignment.unitNorm === null ? 'training' : 'private-training';
    const plan = planNetwork(layout, assignment.network, assignment.rows, purpose);
    const kernels = this.#source.acquire(layout.bytes);
    return { kernels, plan, learner: new PartLearner(kernels, plan, assignment.data, assignment), assignment };
  }
}

function learn(
  { kernels, plan, learner, assignment: { parameters, gradients } }: OpenRound,
  { batch, firsts, slots }: Extract<WorkerRequest, { kind: 'learn' }>,
): WorkerReply {
  const memory = new Float32Array(kernels.buffer);
  const gradient = memory.subarray(plan.gradient / 4, plan.gradient / 4 + plan.count);
  memory.set(parameters, plan.parameters / 4);
  return firsts.map((first, i) => {
    gradient.fill(0);
    const loss = learner.learn(batch, first, plan.gradient);
    gradients.set(gradient, slots[i] * plan.count);
    return loss;
  });
}
