/** The statistics task of a task: one round that gathers the sums its scaling follows from. */
import { numberColumns } from '../data/moments.ts';
import { onlyTable } from '../data/only-table.ts';
import { largestNorm } from '../learning/moment-limbs.ts';
import { UserError } from './problem.ts';
import { groupSettings } from './protection-settings.ts';
import { parseTask, type Task } from './task.ts';

const suffix = '-statistics';
const longestName = 63;
/** All clients in one group, up to 511 of them, and words in which its sums stay exact. */
const oneGroup = { size: 256, coin: [], bits: 32, compression: 'none' } as const;

/** The name that sites accept it by: that of the task, cut where it is too long, and `-statistics`. */
export function statisticsName(name: string): string {
  return `${name.slice(0, longestName - suffix.length)}${suffix}`;
}

/**
 * Asks all present clients, at least as many as the task needs, for the sums over the training rows of the same data. It depends
 * on nothing of the task but name, seed, data, cohort and protection: whatever else changes, it is the same run. With another seed
 * the sites are asked again.
 * Throws UserError for a task without number columns, and for a private one: the sums leave as they are.
 */
export function statisticsTask(task: Task): Task {
  const data = onlyTable(task.data, task.name, 'Scale by center and spread of the task.');
  const columns = numberColumns(data).length;
  if (columns === 0)
    throw new UserError(task.name, 'has no number column', 'There is nothing to standardise: train it.');
  const { parley, seed, cohort, protection, privacy } = task;
  const groups = groupSettings(protection);
  if (privacy !== 'none') {
    throw new UserError(
      task.name,
      'is private, and sums for its constants would leave exactly',
      'Set center and spread to constants that are public already, such as those of a published study.',
    );
  }
  return parseTask({
    parley,
    name: statisticsName(task.name),
    seed,
    data: { ...data, standardise: 'none' },
    model: { name: 'moments' },
    // Nothing is trained; the form asks for it.
    training: { optimizer: { name: 'sgd', learningRate: 1 }, batchSize: 1, amount: { unit: 'steps', count: 1 } },
    rounds: 1,
    cohort: { ...cohort, fraction: 1, overSelection: 0 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: Math.ceil(largestNorm(columns)) },
    protection: groups === null ? protection : { ...groups, ...oneGroup },
    privacy,
  });
}
