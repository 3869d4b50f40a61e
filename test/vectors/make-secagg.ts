/** Writes test/vectors/secagg anew: `node test/vectors/make-secagg.ts`. The protocol has changed wherever a file does. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { secaggFiles } from './secagg-files.ts';

for (const [name, text] of await secaggFiles()) writeFileSync(join(import.meta.dirname, 'secagg', name), text);
