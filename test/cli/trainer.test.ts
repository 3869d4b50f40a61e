import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { generateClinics } from '../../src/core/data/clinics.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'parley-trainer-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const task = join(folder, 'task.yaml');
const example = parse(readFileSync(join(root, 'examples', 'heart.task.yaml'), 'utf8'));
writeFileSync(task, stringify({ ...example, rounds: 2, protection: 'inspect' }));
for (const { file, text } of generateClinics(9)) writeFileSync(join(folder, file), text);
const odd = join(root, 'test', 'node', 'trainer', 'odd-trainer.ts');

function parley(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = join(root, 'src', 'cli', 'main.ts');
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 60_000, cwd: folder });
}

const simulate = (...args: string[]) => parley('simulate', task, '--data', folder, '--json', ...args);

test('a simulation in which one client has a foreign trainer ends like any other, with that trainer in its model', () => {
  const own = simulate();
  const mixed = simulate('--trainer', `clinic-north=${JSON.stringify([process.execPath, odd, 'none'])}`);
  assert.deepEqual([own.status, mixed.status], [0, 0], mixed.stderr);
  const [a, b] = [JSON.parse(own.stdout), JSON.parse(mixed.stdout)];
  assert.deepEqual(b.rounds.at(-1).combined, a.rounds.at(-1).combined);
  assert.notEqual(b.model, a.model);
  assert.match(mixed.stderr, /clinic-north: trainer node odd-trainer\.ts.*: odd/);
});

test('a trainer that fails ends the simulation with its name and what it did', () => {
  const command = JSON.stringify([process.execPath, odd, 'garbage']);
  const { status, stdout, stderr } = simulate('--trainer', `clinic-east=${command}`);
  assert.deepEqual([status, stdout], [2, ''], stderr);
  assert.match(stderr, /parley: trainer node odd-trainer\.ts.*: sent a line that is not JSON\n→ .*docs\/trainer\.md/);
});

test('what names no trainer, client or limit is refused with a remedy before anything runs', () => {
  const member = ['client', '--home', folder, '--data', task];
  for (const [args, what] of [
    [['simulate', task, '--data', folder, '--trainer', 'python3'], /"python3" names no client\n→ .*clinic-north/],
    [['simulate', task, '--data', folder, '--trainer', 'clinic-mars=node'], /there is no client "clinic-mars"/],
    [['simulate', task, '--data', folder, '--trainer', 'clinic-east=gone-program'], /there is no program gone-program/],
    [[...member, '--trainer', 'gone-program x'], /--trainer: there is no program gone-program/],
    [[...member, '--trainer', 'node "x'], /--trainer: a quote is not closed/],
    [[...member, '--trainer', 'node x', '--trainer-time', '0'], /expected a number of seconds/],
    [[...member, '--trainer', 'node x', '--trainer-memory', 'lots'], /expected a whole number of mebibytes/],
  ] as const) {
    const { status, stdout, stderr } = parley(...args);
    assert.deepEqual([status, stdout], [2, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, what);
    assert.match(stderr, /→/);
  }
});
