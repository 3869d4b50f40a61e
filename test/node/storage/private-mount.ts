/** Small disks for tests, mounted in a namespace of their own: nothing of them is left, however the test ends. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const shell = (wrapper: readonly string[], script: string, args: readonly string[]) =>
  spawnSync(wrapper[0], [...wrapper.slice(1), 'sh', '-ec', script, 'sh', ...args], { encoding: 'utf8' });

const wrappers = [
  ['unshare', '-m'],
  ['unshare', '-rm'],
];

/** Why no private mount can be made here, or false: an answer for `skip`. */
export function mountsAreRefused(): string | false {
  return findWrapper() === null ? 'mounting a tmpfs in a private namespace is not permitted here' : false;
}

/**
 * Runs a shell script with an empty tmpfs of so many kilobytes mounted at `$1`; `$2 …` are `args`.
 * Answers exit status and output.
 */
export function onSmallDisk(
  kilobytes: number,
  script: string,
  ...args: string[]
): { status: number | null; output: string } {
  const wrapper = findWrapper();
  if (wrapper === null) throw new TypeError('ask mountsAreRefused() first');
  const mount = `mount -t tmpfs -o size=${kilobytes}k,mode=700 tmpfs "$1"`;
  const folder = mkdtempSync(join(tmpdir(), 'parley-disk-'));
  try {
    const result = shell(wrapper, `${mount}; ${script}`, [folder, ...args]);
    return { status: result.status, output: `${result.stdout}${result.stderr}` };
  } finally {
    rmdirSync(folder);
  }
}

function findWrapper(): readonly string[] | null {
  return wrappers.find(wrapper => shell(wrapper, 'mount -t tmpfs tmpfs "$1"', [tmpdir()]).status === 0) ?? null;
}
