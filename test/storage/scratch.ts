/** A folder of its own for one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Path of a new empty folder, removed when the test ends. */
export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-storage-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
