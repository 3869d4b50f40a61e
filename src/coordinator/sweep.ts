/** Sweeping: what a run does not need any more leaves the disk. */
import type { Book } from './book.ts';
import { stateKey } from './combine.ts';
import { dealKey } from './group-deal.ts';
import { membersKey } from './group-opening.ts';
import { artifactKey, modelKey, taskKey } from './round.ts';
import { remembered } from './rule-memory.ts';
import { isActive } from './run.ts';
import type { Run } from './store.ts';

/**
 * Removes the blobs that are not needed any more: updates and models of closed rounds, and of a run that is over all updates. Kept:
 * the task, the artifact, the current model and its state, the best model of a run that may end early, what the rule remembers,
 * updates of the open round.
 */
export async function sweep(book: Book, run: Run): Promise<void> {
  const { blobs } = book.ports;
  const keep = new Set([
    modelKey(run.task, run.round),
    stateKey(run.task, run.round),
    taskKey(run.task),
    artifactKey(run.task),
  ]);
  const keys = await blobs.list(`${run.task}/`);
  if (run.phase === 'training') {
    if (run.stopping !== null) keep.add(modelKey(run.task, run.stopping.best.round + 1));
    for (const key of remembered(run, keys)) keep.add(key);
  }
  if (run.groups !== null) keep.add(membersKey(run.task, run.round));
  for (const draw of [run.deal, run.toss]) if (draw !== null && isActive(run)) keep.add(dealKey(run.task, draw));
  const open = `${run.task}/update/${run.round}/`;
  const isOpen = run.phase === 'training' || run.groups !== null;
  for (const key of keys) if (!keep.has(key) && !(isOpen && key.startsWith(open))) await blobs.remove(key);
}
