/** The model of a task: its network, tensors and first values. */
import { dataShape } from '../data/data-shape.ts';
import { lossOf, type Task } from '../protocol/task.ts';
import { modelLayers } from './model-layers.ts';
import { taskMomentsManifest } from './moments-trainer.ts';
import type { NetworkSettings } from './network.ts';
import { initialParameters, networkManifest } from './network-parameters.ts';
import { type Manifest, parameterCount } from './parameters.ts';

/** What a task trains, as layers. Throws RangeError for a statistics task, which trains no network. */
export function taskNetwork(task: Task): NetworkSettings {
  const shape = dataShape(task.data);
  const loss = lossOf(task);
  return { layers: modelLayers(task.model, shape, loss), shape, loss };
}

/** The tensors of a task's model. */
export function taskManifest(task: Task): Manifest {
  if (task.model.name === 'moments') return taskMomentsManifest(task);
  return networkManifest(taskNetwork(task).layers);
}

/** The first parameters of a task's model; zeros for a statistics task. @param seed 32 bytes. */
export function taskParameters(task: Task, seed: Uint8Array): Float32Array<ArrayBuffer> {
  if (task.model.name === 'moments') return new Float32Array(parameterCount(taskMomentsManifest(task)));
  return initialParameters(taskNetwork(task).layers, seed);
}
