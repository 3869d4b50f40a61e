import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const documents = [...readdirSync(root), ...readdirSync(join(root, 'docs')).map(name => join('docs', name))]
  .concat(readdirSync(join(root, 'docs', 'decisions')).map(name => join('docs', 'decisions', name)))
  .filter(name => name.endsWith('.md'));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

test('every link and every path of this repository that a document names exists', () => {
  const missing = documents.flatMap(name => {
    const text = read(name);
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => join(dirname(name), path));
    const paths = [...text.matchAll(/`((?:src|test|docs|examples|bench|tsconfig|scripts)\/[^\s`*<]*)`/g)].map(
      ([, path]) => path,
    );
    return [...links, ...paths].filter(path => !existsSync(join(root, path))).map(path => `${name}: ${path}`);
  });
  assert.deepEqual(missing, []);
});

test('the task page names every top-level setting of the example, and the example every required one', () => {
  const page = read('docs/task.md');
  const example = read('examples/heart.task.yaml');
  for (const name of [
    'name',
    'seed',
    'data',
    'model',
    'training',
    'rounds',
    'cohort',
    'server',
    'aggregation',
    'protection',
    'privacy',
    'evaluation',
  ]) {
    assert.match(page, new RegExp(`\`${name}[.\`]`), name);
    assert.match(example, new RegExp(`^${name}:`, 'm'), name);
  }
});

test('the README says what is not protected on its first screen', () => {
  const first = read('README.md').split('\n').slice(0, 45).join('\n');
  for (const phrase of ['npm start', 'npm test', 'does not learn', 'protection: inspect', 'privacy: none'])
    assert.ok(first.includes(phrase), phrase);
});

test('a sum that a round report holds is called one on the task page', () => {
  const page = read('docs/task.md');
  for (const name of ['correct', 'logLoss', 'loss', 'absoluteError', 'squaredError', 'covered', 'unit']) {
    assert.ok(page.includes(`\`${name}\``), name);
  }
});
