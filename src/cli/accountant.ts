/** Accountants in a thread of their own for the commands that calculate: the command can be interrupted, and says when it takes long. */
import { type AccountantThread, startAccountantThread } from '../node/privacy/start-accountant-thread.ts';
import { createProgress } from './output.ts';

/** Shorter waits are not worth a word. */
const silentMs = 500;

/** What `work` makes of the accountant's answers. A terminal on `stream` is told after half a second that something is being calculated. */
export async function withAccountant<T>(
  work: (accountant: AccountantThread) => Promise<T>,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<T> {
  const progress = createProgress(stream);
  const timer = setTimeout(() => progress.status('calculating …'), silentMs);
  const accountant = await startAccountantThread();
  try {
    return await work(accountant);
  } finally {
    clearTimeout(timer);
    progress.end();
    await accountant.close();
  }
}
