/** The memory of the kernels that training takes. */
import { Layout } from '../math/kernels/kernels.ts';
import type { TrainingSettings } from '../protocol/training-settings.ts';
import { type NetworkSettings, partRows, planNetwork } from './network.ts';
import { planOptimizer } from './optimizer.ts';

/** What a memory of WebAssembly can hold. */
export const mostTrainingBytes = 2 ** 32;

/** Bytes that our engine lays out to train a network, where a site has a full minibatch of rows. Rows themselves are not counted. */
export function trainingBytes(
  network: NetworkSettings,
  { batchSize, optimizer, proximal }: Pick<TrainingSettings, 'batchSize' | 'optimizer' | 'proximal'>,
): number {
  const layout = new Layout();
  const plan = planNetwork(layout, network, Math.min(batchSize, partRows(network.layers)), 'training');
  if (batchSize > plan.rows) layout.float32(plan.count);
  planOptimizer(layout, optimizer, proximal, plan.count);
  return layout.bytes;
}
