import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');

function audit(...args: string[]) {
  const options = { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } } as const;
  return spawnSync(process.execPath, [main, 'privacy', 'audit', ...args], options);
}

test('one layer is printed as a table of what was tried, the figure and the bound', () => {
  const { status, stdout } = audit('--quick', '--layer', 'L2');
  assert.equal(status, 0);
  assert.match(stdout, /^L2 batches\n/);
  assert.match(stdout, /passed {2}a batch is as long as accounted +2000 batches of 500 rows.* within ±5/);
  assert.match(stdout, /6 checks passed/);
  assert.match(stdout, /proves no privacy/);
});

test('--json prints one document and nothing else', () => {
  const { status, stdout, stderr } = audit('--quick', '--layer', 'L1', '--json');
  assert.equal(status, 0);
  const document = JSON.parse(stdout);
  assert.equal(document.passed, true);
  assert.equal(document.size, 'quick');
  for (const check of document.checks)
    assert.deepEqual(Object.keys(check), ['layer', 'name', 'tried', 'figure', 'bound', 'passed']);
  assert.match(stderr, /L1: noise/);
});

test('the noise and sampling of a task are tried, and a task without privacy is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-audit-'));
  try {
    const path = join(folder, 'task.yaml');
    writeFileSync(path, taskText({ mechanism: 'dp-sgd', sampling: { poisson: 0.25 } }));
    const { status, stdout, stderr } = audit('--quick', '--layer', 'L5', path);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /2000 canaries, q = 0\.25, z = 1\.7, 12 steps/);
    writeFileSync(path, taskText(null));
    const refused = audit('--quick', '--layer', 'L5', path);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /asks for no privacy/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a check that fails is named, and the command exits with 1', () => {
  const from = (name: string) => JSON.stringify(pathToFileURL(join(main, '..', name)).href);
  const script = `
    import { auditCommand } from ${from('privacy-audit.ts')};
    import { ourMechanisms } from ${from('audited-mechanisms.ts')};
    const broken = { ...ourMechanisms, sampleBatch: () => [0, 1, 2] };
    await auditCommand(broken).parseAsync(['--quick', '--layer', 'L2'], { from: 'user' });`;
  const options = { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } } as const;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
  assert.equal(status, 1);
  assert.match(stdout, /FAILED {2}a batch is as long as accounted/);
  assert.match(stdout, /6 of 6 checks failed/);
});

test('an unknown layer is refused', () => {
  const { status, stderr } = audit('--layer', 'L7');
  assert.equal(status, 2);
  assert.match(stderr, /L0, L1, L2, L3, L4, L5, L6/);
});

function taskText(privacy: object | null): string {
  const settings = {
    unit: 'record',
    relation: 'add-remove',
    noiseAt: 'client',
    noiseMultiplier: 1.7,
    delta: 1e-5,
    budget: { epsilon: 50 },
    clipNorm: 1,
  };
  return JSON.stringify({
    parley: 1,
    name: 'audited',
    seed: 1,
    data: {
      format: 'images',
      height: 2,
      width: 2,
      target: { type: 'classes', classes: ['a', 'b'] },
      split: { type: 'files' },
    },
    model: { name: 'logistic' },
    training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 64, amount: { unit: 'steps', count: 4 } },
    rounds: 3,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean', weightBy: 'uniform' },
    protection: 'inspect',
    privacy: privacy === null ? 'none' : { ...settings, ...privacy },
  });
}
