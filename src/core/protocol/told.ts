/** Which problems the log has told already: whoever passes one on after that does not tell it again. */
import type { Problem } from './problem.ts';

const told = new WeakSet<Problem>();

/** To be called by whoever wrote the log line of this problem and then throws it. */
export function markTold(problem: Problem): void {
  told.add(problem);
}

/** Whether a log line of this very problem was written. */
export function isTold(problem: Problem): boolean {
  return told.has(problem);
}
