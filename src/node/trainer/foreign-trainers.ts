/** The foreign trainers of one client: one process at a time, for the task that was opened last. */
import type { SiteData } from '../../core/data/dataset.ts';
import type { Trainer } from '../../core/learning/trainer.ts';
import type { Task } from '../../core/protocol/task.ts';
import { createForeignTrainer, type ForeignTrainer } from './foreign-trainer.ts';
import type { TrainerSettings } from './trainer-process.ts';

export interface ForeignTrainers {
  /** The trainer of a task; those of tasks before are ended. */
  open(task: Task, site: SiteData): Trainer;
  /** Ends every process. */
  close(): Promise<void>;
}

/** @param settings the same for every task. */
export function foreignTrainers(settings: TrainerSettings): ForeignTrainers {
  let current: ForeignTrainer | null = null;
  let ending: Promise<unknown> = Promise.resolve();
  const end = (): void => {
    ending = Promise.all([ending, current?.close()]);
    current = null;
  };
  return {
    open(task, site) {
      end();
      current = createForeignTrainer(task, site, settings);
      return current;
    },
    async close() {
      end();
      await ending;
    },
  };
}
