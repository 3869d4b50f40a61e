/** The line no federation can reach by itself: the same model trained on the rows of all sites in one place. */
import { trainAlone } from '../client/alone.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import type { SiteData } from '../core/data/dataset.ts';
import type { GradientWorkers } from '../core/learning/gradient-workers.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import { encodeTask, initialSeed, type Task, trainingSeed } from '../core/protocol/task.ts';
import { joinSites } from './deal-sites.ts';

export interface PooledOptions {
  /** Default: all rounds of the task. */
  readonly rounds?: number;
  readonly workers?: GradientWorkers;
  /** Called before each round, counted from 1. */
  readonly onRound?: (round: number) => void;
}

/**
 * Trains on the training rows of all sites together, as many rounds as the run had, from the task's initial weights,
 * and evaluates on all test rows together. Each site's rows keep the scaling of their site.
 * Possible only where somebody holds all the data: in a simulation.
 *
 * @param sites at least one, all loaded by the task's schema. Throws RangeError otherwise.
 */
export async function pooledBaseline(
  task: Task,
  sites: readonly SiteData[],
  primitives: Primitives,
  { rounds = task.rounds, workers, onRound }: PooledOptions = {},
): Promise<Evaluation> {
  const { sha256 } = primitives;
  const taskHash = sha256(encodeTask(task));
  return trainAlone(task, createTrainer(task, joinSites(sites), { workers }), {
    rounds,
    onRound,
    initialSeed: sha256(initialSeed(task)),
    // A name that no member can have.
    seedOf: round => sha256(trainingSeed(taskHash, round, '(all sites)')),
  });
}
