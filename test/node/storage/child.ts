/** Processes for tests that kill them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';

export interface Child {
  readonly process: ChildProcess;
  /** Everything it has written to stdout, line by line; ends when it does. */
  readonly lines: AsyncIterable<string>;
  /** Ends it as kill -9 does and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts a script of this folder. Its stderr is ours; it never outlives the test. */
export function startChild(t: TestContext, script: string, ...args: string[]): Child {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  t.after(kill);
  return { process: child, lines: createInterface({ input: child.stdout }), kill };
}
