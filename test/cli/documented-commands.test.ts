/** The commands about robust rules and attacks that documents and examples show run as they are written, and end as they say. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
const { PARLEY_DATA_DIR: _data, ...env } = process.env;
const examples = readdirSync(join(root, 'examples')).map(name => join('examples', name));

interface Shown {
  readonly args: readonly string[];
  /** The accuracy that the command ends with, as written behind it: the mean of the clients, under groups that over all test rows. */
  readonly accuracy: string | undefined;
}

/** Lines that begin with parley (in a comment of YAML: after "Try it:") and need nothing but this checkout. */
function shown(): Shown[] {
  const found = new Map<string, Shown>();
  for (const name of ['README.md', 'docs/rules.md', 'docs/attacks.md', ...examples]) {
    const text = readFileSync(join(root, name), 'utf8');
    for (const [, line] of text.matchAll(
      /^(?:# .*?: )?parley ((?:rules|task check examples|simulate examples|privacy plan examples)\b.*)$/gm,
    )) {
      const [command, remark = ''] = line.split(/\s+# /);
      if (/\b(?:DIR|N|F)\b/.test(command)) continue;
      const accuracy = /\b0\.\d{3}\b/.exec(remark)?.[0] ?? found.get(command)?.accuracy;
      found.set(command, { args: command.trim().split(/\s+/), accuracy });
    }
  }
  return [...found.values()];
}

test('every command about rules and attacks runs as written, with the accuracy that stands behind it', async () => {
  const commands = shown();
  assert.ok(commands.length >= 8 && commands.filter(({ accuracy }) => accuracy !== undefined).length >= 4);
  for (const { args, accuracy } of commands) {
    const all = args[0] === 'simulate' ? [...args, '--no-pooled'] : args;
    const options = { cwd: root, env: { ...env, NO_COLOR: '1' } };
    const { stdout } = await promisify(execFile)(process.execPath, ['src/cli/main.ts', ...all], options);
    const line = stdout.includes('mean of clients') ? 'mean of clients' : 'all test rows +\\d+';
    if (accuracy !== undefined)
      assert.match(stdout, new RegExp(`^${line} +${accuracy.replace('.', '\\.')} `, 'm'), args.join(' '));
  }
});
