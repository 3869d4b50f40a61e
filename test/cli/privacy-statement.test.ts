import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readTaskFile } from '../../src/cli/task-file.ts';
import { encodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { planOfTask } from '../../src/core/privacy/plan.ts';
import { type PrivateStatement, privacyStatement } from '../../src/core/privacy/statement.ts';

const root = join(import.meta.dirname, '..', '..');
const example = join(root, 'examples', 'heart-private.task.yaml');
const scratch = mkdtempSync(join(tmpdir(), 'parley-statement-'));
after(() => rmSync(scratch, { recursive: true }));

function parley(...args: string[]) {
  const env = { ...process.env, NO_COLOR: '1' };
  return spawnSync(process.execPath, [join(root, 'src', 'cli', 'main.ts'), ...args], { encoding: 'utf8', env });
}

const plan = planOfTask(readTaskFile(example));
assert.ok(plan !== null);
const statement = privacyStatement({
  plan,
  planHash: 'ab'.repeat(32),
  noiseMultipliers: new Array<number>(plan.rounds).fill(plan.privacy.noiseMultiplier),
  end: 'rounds',
  countsReleased: true,
  build: '0.0.0',
});

/** A model file with this in its metadata. */
function model(name: string, metadata: Record<string, string>): string {
  const path = join(scratch, `${name}.safetensors`);
  writeFileSync(path, encodeSafetensors([{ name: 'w', shape: [1] }], new Float32Array(1), metadata));
  return path;
}

test('the statement in a model is printed with unit, ε, assumptions and limits, and calculated anew', () => {
  const { status, stdout, stderr } = parley(
    'privacy',
    'statement',
    model('whole', { privacy: JSON.stringify(statement) }),
  );
  assert.deepEqual([status, stderr], [0, '']);
  const text = stdout.replaceAll(/\s+/g, ' ');
  assert.match(text, / hides one record: whether it is there from everyone but the client/);
  assert.match(text, / epsilon 2\.99 at δ = 0\.001 \(balanced\): the cost of what was released/);
  assert.match(text, / limit How long a computation takes/);
  assert.match(
    text,
    / calculated here, of what was released: 2\.99; by privacy loss distributions, closer, 2\.\d\d $/m,
  );
  assert.ok(stdout.split('\n').every(line => [...line].length <= 110));
});

test('with --json the statement is one document, with what was calculated beside it', () => {
  const { stdout } = parley('privacy', 'statement', model('json', { privacy: JSON.stringify(statement) }), '--json');
  const { recalculated, ...rest } = JSON.parse(stdout) as PrivateStatement & { recalculated: { agrees: boolean } };
  assert.deepEqual(rest, JSON.parse(JSON.stringify(statement)));
  assert.equal(recalculated.agrees, true);
});

test('a statement that claims less than its own event costs is called out', () => {
  const less = { ...statement, epsilon: 0.5, word: 'strong' };
  const { status, stdout } = parley('privacy', 'statement', model('less', { privacy: JSON.stringify(less) }));
  assert.match(stdout, /MORE THAN IS STATED/);
  assert.equal(status, 1);
});

test('a model without a statement promises nothing, and one with another text is refused', () => {
  for (const metadata of [{}, { privacy: 'very private' }] as Record<string, string>[]) {
    const { status, stdout, stderr } = parley('privacy', 'statement', model('none', metadata));
    assert.deepEqual([status === 0, stdout], [false, '']);
    assert.match(stderr, /holds (no|a) privacy statement.*\n→ Take it for a model that nothing is promised of/);
  }
});

test('task check says of a private task who is hidden from whom, ε, which sites decline, and where its budget ends', () => {
  const { status, stdout } = parley('task', 'check', example);
  assert.equal(status, 0);
  assert.match(stdout, /^ {2}privacy {5}hides one record: whether it is there; from everyone but the client/m);
  assert.match(stdout, /^ {2}epsilon {5}2\.99 at δ = 0\.001 after all 25 rounds$/m);
  assert.match(stdout, /^ {2}budget {6}ε ≤ 3 \(balanced\): enough for all rounds$/m);
  assert.match(stdout, /^ {2}sites {7}of at most 256 training rows/m);
  assert.doesNotMatch(stdout, /^ {2}warning/m);
  const small = join(scratch, 'small.task.yaml');
  writeFileSync(small, readFileSync(example, 'utf8').replace('budget: { epsilon: 3 }', 'budget: { epsilon: 2 }'));
  const { stdout: less } = parley('task', 'check', small);
  const [, rounds] = /^ {2}budget {6}ε ≤ 2 \(balanced\): (\d+) of 25 rounds, with ε (?:1\.\d+|2)$/m.exec(less) ?? [];
  assert.match(less, new RegExp(`^ {2}warning {5}The run will stop before round ${Number(rounds) + 1}:`, 'm'));
});

test('a plan shows ε over rounds, with and without a person to read it; a task without privacy has none', () => {
  const { stdout } = parley('privacy', 'plan', example);
  assert.match(stdout, /^ +ε 2\.98 │ +#+$/m);
  const { stdout: json } = parley('privacy', 'plan', example, '--json');
  const { epsilon, overRounds, roundsAllowed } = JSON.parse(json) as {
    epsilon: number;
    roundsAllowed: number;
    overRounds: { rounds: number; epsilon: number }[];
  };
  assert.deepEqual([overRounds.length, roundsAllowed, overRounds.at(-1)?.epsilon], [25, 25, epsilon]);
  const { status, stderr } = parley('privacy', 'plan', join(root, 'examples', 'heart.task.yaml'));
  assert.ok(status !== 0 && stderr.includes('privacy: is none: there is nothing to plan'));
});

test('for another ε a plan says what to write, and the task that holds it is enough for all rounds', () => {
  const texts: readonly (readonly [epsilon: string, profile: string])[] = [
    ['1', 'strong'],
    ['12', 'weak'],
  ];
  for (const [epsilon, profile] of texts) {
    const { status, stdout } = parley('privacy', 'plan', example, '--epsilon', epsilon);
    assert.equal(status, 0);
    const [, noise] = /^ {2}noiseMultiplier: ([\d.]+)$/m.exec(stdout) ?? [];
    assert.match(stdout, new RegExp(`^  budget: \\{ epsilon: ${epsilon} \\}\n  profile: ${profile}$`, 'm'));
    const path = join(scratch, `within-${epsilon}.task.yaml`);
    const text = readFileSync(example, 'utf8')
      .replace('noiseMultiplier: 8.35', `noiseMultiplier: ${noise}`)
      .replace('budget: { epsilon: 3 }', `budget: { epsilon: ${epsilon} }`)
      .replace('profile: balanced', `profile: ${profile}`);
    writeFileSync(path, text);
    const { stdout: checked } = parley('task', 'check', path);
    assert.match(checked, new RegExp(`^ {2}budget {6}ε ≤ ${epsilon} \\(${profile}\\): enough for all rounds$`, 'm'));
  }
  const { stdout: json } = parley('privacy', 'plan', example, '--epsilon', '1', '--json');
  const { privacy } = JSON.parse(json) as { privacy: object };
  assert.deepEqual(Object.keys(privacy), ['noiseMultiplier', 'budget', 'profile']);
});
