import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { barsWithin, plotLines } from '../../src/cli/privacy-plot.ts';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'src', 'cli', 'main.ts');

function parley(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, 'privacy', ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
}

const recipe = ['--noise', '1.1', '--rounds', '100', '--sampling', '0.3', '--delta', '1e-5'];

test('parley privacy epsilon prints 19.2 with sampling and 79.3 without, the assumptions, and where to look for a task', () => {
  const { status, stdout, stderr } = parley('epsilon', ...recipe, '--unit', 'user');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^sampling hidden +19\.2 +weak +19\.2008 +19\.2287 +19\.2286 +20\.9 +22\.2$/m);
  assert.match(stdout, /^without amplification +79\.3 +weak +79\.275\d +79\.275\d +79\.275\d +83\.1 +85$/m);
  assert.match(stdout, /Unit: all that one user has/);
  assert.match(stdout.replaceAll(/\s+/g, ' '), /settings given here.*parley task check/);
  assert.match(stdout, /^ +ε 20\.9 │ +#+$/m);
  assert.ok(stdout.split('\n').every(line => !line.includes('\x1b') && [...line].length <= 100));
});

test('with --json there is one document that holds the same', () => {
  const { stdout } = parley('epsilon', ...recipe, '--json');
  const report = JSON.parse(stdout) as {
    settings: unknown;
    withAmplification: {
      pld: { lower: number; upper: number };
      rdp: { epsilon: number };
      word: string;
      agrees: boolean;
    };
    withoutAmplification: { pld: { upper: number } };
    overRounds: { rounds: number; epsilon: number }[];
    assumptions: string[];
    limits: string[];
  };
  assert.deepEqual(report.settings, {
    noiseMultiplier: 1.1,
    rounds: 100,
    samplingRate: 0.3,
    delta: 1e-5,
    unit: null,
    relation: 'add-remove',
  });
  const { pld, rdp, word, agrees } = report.withAmplification;
  assert.ok(pld.lower <= pld.upper && pld.upper < rdp.epsilon);
  assert.deepEqual([word, agrees], ['weak', true]);
  assert.equal(report.withoutAmplification.pld.upper.toPrecision(3), '79.3');
  assert.deepEqual(report.overRounds.at(-1), { rounds: 100, epsilon: rdp.epsilon });
  assert.ok(report.assumptions.length >= 5 && report.limits.length === 1);
});

test('noise and rounds are the way back', () => {
  const asked = ['--epsilon', '20', '--sampling', '0.3', '--delta', '1e-5', '--json'];
  const noise = JSON.parse(parley('noise', ...asked, '--rounds', '100').stdout).noiseMultiplier;
  assert.ok(noise.withAmplification.pld < 1.1 && noise.withAmplification.rdp > 1.1);
  const { rounds } = JSON.parse(parley('rounds', ...asked, '--noise', '1.1').stdout);
  assert.ok(rounds.withAmplification.rdp < 100 && rounds.withAmplification.pld > 100);
  assert.ok(rounds.withoutAmplification.pld < rounds.withAmplification.rdp);
});

test('noise as it is printed is rounded up', () => {
  const asked = ['noise', '--epsilon', '20', '--rounds', '100', '--sampling', '1', '--delta', '1e-5'];
  const exact = JSON.parse(parley(...asked, '--json').stdout).noiseMultiplier.withoutAmplification.rdp;
  const [, printed] = /^without amplification +([\d.]+) /m.exec(parley(...asked).stdout) ?? [];
  assert.ok(Number(printed) >= exact && Number(printed) < exact + 1e-4, `${printed} ${exact}`);
});

test('values that mean nothing are refused with what to give instead', () => {
  const cases: [string, string, RegExp][] = [
    ['--noise', '0', /--noise.*Without noise there is no ε/],
    ['--noise', 'much', /--noise.*Expected a number from 0\.1 /],
    ['--rounds', '1.5', /--rounds.*Expected a whole number from 1/],
    ['--sampling', '30', /--sampling.*0\.3 for three in ten/],
    ['--sampling', '0', /--sampling.*above 0/],
    ['--delta', '1', /--delta.*less than 1 over the number of units/],
    ['--delta', 'NaN', /--delta.*Expected a number above 0 and below 1/],
    ['--unit', 'person', /--unit.*Allowed choices are record, user, organisation/],
  ];
  for (const [flag, value, message] of cases) {
    const { status, stdout, stderr } = parley('epsilon', ...recipe, flag, value);
    assert.deepEqual([status, stdout], [2, ''], `${flag} ${value}`);
    assert.match(stderr, message);
    assert.match(stderr, /^→ See: parley privacy epsilon --help$/m);
  }
});

test('every command of the privacy page runs as written', () => {
  const page = readFileSync(join(root, 'docs', 'privacy.md'), 'utf8');
  const shown = [...page.matchAll(/^parley privacy (.*?)(?: +# (.*))?$/gm)];
  assert.ok(shown.length >= 8);
  for (const [line, args, remark = ''] of shown) {
    // What stands for a file of the reader's.
    if (/\b[A-Z]{4,}\b/.test(args)) continue;
    const { status, stdout, stderr } = parley(...args.split(/\s+/));
    assert.deepEqual([status, stderr], [0, ''], line);
    for (const [figure] of remark.matchAll(/\d[\d.]*\d/g)) assert.ok(stdout.includes(figure), `${line}: ${stdout}`);
  }
});

const points = [1, 2, 3, 4].map(rounds => ({ rounds, epsilon: rounds / 2 }));

test('a plot fills the width it has, whatever that is', () => {
  for (const width of [20, 40, 80, 200]) {
    const many = Array.from({ length: barsWithin(width) }, (_, i) => ({ rounds: i + 1, epsilon: i + 1 }));
    const lines = plotLines(many, { width, height: 8, eighths: true });
    const longest = Math.max(...lines.map(line => [...line].length));
    assert.ok(longest === Math.min(width, 110), `${width}: ${longest}`);
  }
});

test('a plot has blocks on a terminal and plain marks elsewhere', () => {
  const size = { width: 22, height: 2 };
  assert.deepEqual(plotLines(points, { ...size, eighths: true }), [
    '     ε 2 │      ▄▄▄███',
    '       0 │▄▄▄█████████',
    '         └────────────',
    '              4 rounds',
  ]);
  assert.deepEqual(plotLines(points, { ...size, eighths: false }).slice(0, 2), [
    '     ε 2 │      ######',
    '       0 │############',
  ]);
});

test('one value, or none that is finite and above 0, is not plotted', () => {
  const size = { width: 40, height: 2, eighths: true };
  assert.deepEqual(plotLines(points.slice(0, 1), size), []);
  assert.deepEqual(
    plotLines(
      points.map(({ rounds }) => ({ rounds, epsilon: 0 })),
      size,
    ),
    [],
  );
  assert.deepEqual(plotLines([...points, { rounds: 5, epsilon: Number.POSITIVE_INFINITY }], size), []);
});
