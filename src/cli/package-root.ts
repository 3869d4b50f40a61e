/** Where this package lies: sources of a checkout or compiled files of an installed package. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json. */
export const packageRoot = rootAbove(import.meta.dirname);

/** The entry point of the command line, to start further processes with. */
export const mainEntry = join(packageRoot, 'bin', 'parley.mjs');

/** How a user types a command: through npm in a checkout. */
export const commandPrefix = import.meta.url.endsWith('.ts') ? 'npm run -s parley --' : 'parley';

function rootAbove(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (dirname(at) === at) throw new Error(`no package.json above ${folder}`);
  }
}
