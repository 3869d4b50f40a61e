/** The Python of tests: PARLEY_PYTHON, else the first of python3 and /usr/bin/python3 that has the module. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const trainers = join(import.meta.dirname, '..', '..', '..', 'trainers');

/** The command of a reference trainer, or why the tests that need it skip. */
export function referenceTrainer(kind: 'numpy' | 'torch'): {
  readonly command: readonly string[];
  readonly skip: string | false;
} {
  const { PARLEY_PYTHON: given } = process.env;
  const tried = given === undefined ? ['python3', '/usr/bin/python3'] : [given];
  const python = tried.find(path => spawnSync(path, ['-c', `import ${kind}`], { stdio: 'ignore' }).status === 0);
  return {
    command: [python ?? '', join(trainers, `${kind}_trainer.py`)],
    skip: python === undefined && `no ${tried.join(' or ')} with ${kind}; name one with PARLEY_PYTHON`,
  };
}
