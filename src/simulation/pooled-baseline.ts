/** The line no federation can reach by itself: the same model trained on the rows of all sites in one place. */
import { trainAlone } from '../client/alone.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import type { Dataset, SiteData } from '../core/data/dataset.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import { encodeTask, initialSeed, type Task, trainingSeed } from '../core/protocol/task.ts';

/**
 * Trains on the training rows of all sites together, as many rounds as the task has, from the task's initial weights,
 * and evaluates on all test rows together. Each site's rows keep the scaling of their site.
 * Possible only where somebody holds all the data: in a simulation.
 *
 * @param sites at least one, all loaded by the task's schema. Throws RangeError otherwise.
 */
export async function pooledBaseline(
  task: Task,
  sites: readonly SiteData[],
  primitives: Primitives,
): Promise<Evaluation> {
  if (sites.length === 0) throw new RangeError('pooledBaseline: no site');
  const together: SiteData = {
    ...sites[0],
    train: concatenate(sites.map(site => site.train)),
    test: concatenate(sites.map(site => site.test)),
    scaler: null,
    droppedRows: sites.reduce((sum, site) => sum + site.droppedRows, 0),
  };
  const { sha256 } = primitives;
  const taskHash = sha256(encodeTask(task));
  return trainAlone(task, createTrainer(task, together), {
    initialSeed: sha256(initialSeed(task)),
    // A name that no member can have.
    seedOf: round => sha256(trainingSeed(taskHash, round, '(all sites)')),
  });
}

function concatenate(parts: readonly Dataset[]): Dataset {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const { width } = parts[0];
  const features = new Float32Array(rows * width);
  const labels = new Float32Array(rows);
  let row = 0;
  for (const part of parts) {
    if (part.width !== width)
      throw new RangeError(`pooledBaseline: a site has ${part.width} features, another ${width}`);
    features.set(part.features, row * width);
    labels.set(part.labels, row);
    row += part.rows;
  }
  return { rows, width, features, labels };
}
