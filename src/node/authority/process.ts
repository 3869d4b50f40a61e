/** Entry point of the authority as a child process: `node process.ts HOME`, with an IPC channel to the process that wants it. */
import { Problem, UserError } from '../../core/protocol/problem.ts';
import type { AuthorityMessage } from './child.ts';
import { serveAuthority } from './serve.ts';

const tell = (message: AuthorityMessage): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {}); // the parent may be gone at any moment
};

try {
  const authority = await serveAuthority(process.argv[2], { log: event => tell({ log: event }) });
  // The channel closes when the parent ends, however it ends.
  process.once('disconnect', () => void authority.close().then(() => process.exit(0)));
  if (!process.connected) process.exit(0);
  // Ctrl-C reaches the whole process group; the parent decides when the authority may go.
  process.on('SIGINT', () => {});
  tell({ ready: { url: authority.url } });
} catch (error) {
  const known = error instanceof UserError || error instanceof Problem;
  const message = error instanceof Error ? error.message : String(error);
  process.exitCode = 1;
  tell({ failed: { message, remedy: known ? error.remedy : 'See the log of the authority.' } });
  if (process.connected) process.disconnect();
}
