/** Which version of the program this is: noted in what it leaves for later. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `parley 1.2.3`. */
export const buildName = `parley ${versionAbove(import.meta.dirname)}`;

function versionAbove(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    try {
      return String((JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { version?: unknown }).version);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) throw error;
    }
  }
}
