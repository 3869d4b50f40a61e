import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as rules from './architecture/rules.ts';
import { codeOf, importsOf } from './architecture/source.ts';

const root = join(import.meta.dirname, '..');
const sources: rules.Sources = new Map(
  globSync('src/**/*.ts', { cwd: root })
    .map(path => path.replaceAll('\\', '/'))
    .sort()
    .map(path => [path, readFileSync(join(root, path), 'utf8')]),
);

describe('the sources', () => {
  const all: Record<string, (sources: rules.Sources) => string[]> = {
    'import only what their layer may import': rules.layerBreaches,
    'import files that exist': rules.brokenImports,
    'have no circle of files': rules.fileCycles,
    'have no circle of layers': rules.folderCycles,
    'keep clock, randomness, console and process out of the core': rules.impureCore,
    'take no predictable number from the platform': rules.predictableNumbers,
    'run no text as code': rules.codeFromText,
    'have no any': rules.untyped,
    'have no vague name and no index.ts': rules.vagueNames,
    [`have fewer than ${rules.longestFile} lines each`]: rules.longFiles,
  };
  for (const [name, rule] of Object.entries(all)) test(name, () => assert.deepEqual(rule(sources), []));

  test('are all looked at, in every layer of the table', () => {
    const found = new Set([...sources.keys()].map(path => path.split('/')[1]));
    for (const layer of Object.keys(rules.layers)) assert.ok(found.has(layer), `src/${layer} is empty`);
  });
});

const files = (entries: Record<string, string>): rules.Sources => new Map(Object.entries(entries));

describe('the rules can fail:', () => {
  test('an import against the layers is named', () => {
    const breaches = rules.layerBreaches(
      files({
        'src/core/a.ts': "import { b } from '../client/b.ts';\nimport fs from 'node:fs';\nimport x from 'left-pad';",
        'src/client/b.ts':
          "import type { c } from '../coordinator/c.ts';\nexport * from '../node/d.ts';\nimport '../cli/e.ts';",
        'src/coordinator/c.ts': "const c = await import('../client/b.ts');\ntype D = import('../node/d.ts').D;",
        'src/simulation/f.ts': "import { d } from '../node/d.ts';",
        'src/node/d.ts': "import { f } from '../simulation/f.ts';",
        'src/conformance/g.ts': "import { b } from '../client/b.ts';",
        'src/cli/e.ts':
          "import { b } from '../client/b.ts';\nimport { Command } from 'commander';\nimport fs from 'node:fs';",
        'src/elsewhere/h.ts': "import { z } from 'zod';",
      }),
    );
    assert.deepEqual(
      breaches.map(line => line.replace(/ \(.*$/, '')),
      [
        'src/core/a.ts: core imports client',
        'src/core/a.ts: core imports node:fs',
        'src/core/a.ts: core imports the package left-pad',
        'src/client/b.ts: client imports coordinator',
        'src/client/b.ts: client imports node',
        'src/client/b.ts: client imports cli',
        'src/coordinator/c.ts: coordinator imports client',
        'src/coordinator/c.ts: coordinator imports node',
        'src/simulation/f.ts: simulation imports node',
        'src/node/d.ts: node imports simulation',
        'src/conformance/g.ts: conformance imports client',
        'src/elsewhere/h.ts: src/elsewhere is not a layer',
      ],
    );
  });

  test('an allowed package is no prefix of another one', () => {
    assert.deepEqual(
      rules.layerBreaches(files({ 'src/core/a.ts': "import z from 'zod';\nimport y from 'zod/mini';" })),
      [],
    );
    assert.equal(rules.layerBreaches(files({ 'src/core/a.ts': "import z from 'zodiac';" })).length, 1);
  });

  test('an import of a missing file or of a folder is named', () => {
    const found = rules.brokenImports(
      files({ 'src/core/a.ts': "import './b.ts';\nimport './c';", 'src/core/c/d.ts': '' }),
    );
    assert.deepEqual(found, ['src/core/a.ts: there is no ./b.ts', 'src/core/a.ts: there is no ./c']);
  });

  test('circles of files and of layers are named', () => {
    const circle = files({
      'src/core/a.ts': "import './b.ts';",
      'src/core/b.ts': "import type { C } from '../node/c.ts';",
      'src/node/c.ts': "export { a } from '../core/a.ts';",
    });
    assert.deepEqual(rules.fileCycles(circle), ['src/core/a.ts → src/core/b.ts → src/node/c.ts → src/core/a.ts']);
    assert.deepEqual(rules.folderCycles(circle), ['core → node → core']);
    const line = files({
      'src/core/a.ts': '',
      'src/core/b.ts': "import './a.ts';",
      'src/node/c.ts': "import '../core/a.ts';import '../core/b.ts';",
    });
    assert.deepEqual([...rules.fileCycles(line), ...rules.folderCycles(line)], []);
  });

  test('every impure name is found in the core, and only there', () => {
    const impure = [
      'Date.now()',
      'new Date()',
      'Math.random()',
      'performance.now()',
      'console.log(1)',
      'self.postMessage(1)',
      'setTimeout(f, 1)',
      'process.env.HOME',
      'globalThis.crypto.getRandomValues(x)',
      'crypto.getRandomValues(x)',
      'Buffer.from("")',
      '`text ${Date.now()}`',
    ];
    for (const text of impure) {
      assert.notDeepEqual(rules.impureCore(files({ 'src/core/a.ts': `const x = ${text};` })), [], text);
      assert.deepEqual(rules.impureCore(files({ 'src/node/a.ts': `const x = ${text};` })), [], text);
    }
  });

  test('Math.random is found in every layer, in whatever form', () => {
    for (const text of [
      'Math.random()',
      'Math[name]()',
      'const { random } = Math;',
      'const m = Math;',
      'f(Math .random)',
    ]) {
      for (const layer of ['core', 'client', 'node', 'cli', 'simulation'])
        assert.notDeepEqual(rules.predictableNumbers(files({ [`src/${layer}/a.ts`]: text })), [], text);
    }
    const innocent = '// Math.random()\nconst x = Math.floor(y); const { floor } = Math; const s = "Math.random()";';
    assert.deepEqual(rules.predictableNumbers(files({ 'src/node/a.ts': innocent })), []);
  });

  test('names in comments, texts, patterns and members are no breach', () => {
    const innocent = [
      '// Date.now() would do',
      '/* console.log */',
      "const a = 'process.exit()';",
      'const b = `Math.random() ${c} eval(x)`;',
      'const d = /eval(x) "Date/;',
      'queue.process(item);',
      'const updateDate = 1;',
      'AbortSignal.any([a, b]);',
      'class Pipeline { process(item: string): void {} }',
      'const { self } = secrets;',
      'f(self[0]);',
      'const e = `${from} left-pad ${to}`;',
      "const g = Uint8Array.from('left-pad');",
    ];
    const source = files({ 'src/core/a.ts': innocent.join('\n') });
    assert.deepEqual(rules.layerBreaches(source), []);
    assert.deepEqual([...rules.impureCore(source), ...rules.codeFromText(source), ...rules.untyped(source)], []);
  });

  test('eval, Function and vm are found in every layer', () => {
    for (const text of ['eval("1")', 'new Function("return 1")', 'Function("x")']) {
      assert.equal(rules.codeFromText(files({ 'src/cli/a.ts': `const x = ${text};` })).length, 1, text);
    }
    assert.equal(rules.codeFromText(files({ 'src/node/a.ts': "import vm from 'node:vm';\nimport('vm');" })).length, 2);
  });

  test('any is found wherever a type stands', () => {
    for (const text of ['let x: any;', 'f(x as any);', 'const m = new Map<string, any>();', 'type T = any[];']) {
      assert.equal(rules.untyped(files({ 'src/cli/a.ts': text })).length, 1, text);
    }
  });

  test('vague names and index.ts are named, words that contain them are not', () => {
    const bad = [
      'src/core/utils/a.ts',
      'src/node/helpers.ts',
      'src/core/index.ts',
      'src/cli/run-manager.ts',
      'src/core/types.d.ts',
    ];
    const good = ['src/core/commons-log.ts', 'src/core/data/typed-table.ts', 'src/core/reindex.ts'];
    assert.deepEqual(rules.vagueNames(files(Object.fromEntries([...bad, ...good].map(path => [path, ''])))), bad);
  });

  test('a file of 400 lines is too long, one of 399 is not', () => {
    assert.equal(
      rules.longFiles(files({ 'src/core/a.ts': 'x\n'.repeat(400), 'src/core/b.ts': 'x\n'.repeat(399) })).length,
      1,
    );
  });
});

describe('the reader of sources', () => {
  test('finds every form of import', () => {
    const text = [
      "import a from './a.ts';",
      'import {\n  b,\n  type c,\n} from "./b.ts";',
      "import './side.ts';",
      "export { d } from './d.ts';",
      "const e = await import('./e.ts');",
      "type F = import('./f.ts').F;",
      "// import g from './g.ts';",
      'const h = "import i from \'./i.ts\'";',
      'const j = `${await import("./j.ts")} from "./k.ts"`;',
    ];
    assert.deepEqual(importsOf(text.join('\n')), [
      './a.ts',
      './b.ts',
      './side.ts',
      './d.ts',
      './e.ts',
      './f.ts',
      './j.ts',
    ]);
  });

  test('tells division from patterns, and quotes inside patterns from texts', () => {
    assert.equal(
      codeOf('a = b / c; d = /["\'`]/.test(e) ? f : g / h;').replaceAll(' ', ''),
      'a=b/c;d="".test(e)?f:g/h;',
    );
  });
});
