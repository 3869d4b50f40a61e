import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createProgress, table } from '../../src/cli/output.ts';

/** A stderr that remembers, as a terminal or not. */
function stream(isTTY: boolean, columns = 40) {
  const chunks: string[] = [];
  const writable = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { chunks, stream: Object.assign(writable, { isTTY, columns }) as unknown as NodeJS.WriteStream };
}

test('a table aligns text left and numbers right, without spaces at line ends', () => {
  const text = table([
    ['clinic', 'examples', 'accuracy'],
    ['Cleveland', 172, '0.81'],
    ['Long Beach', 9, '–'],
  ]);
  assert.equal(text, 'clinic      examples  accuracy\nCleveland        172      0.81\nLong Beach         9         –');
});

test('a column with one text in it aligns left', () => {
  assert.equal(table([['a'], ['12'], ['text']]), 'a\n12\ntext');
});

test('a table counts characters, not bytes or control sequences', () => {
  const lines = table([
    ['name', 'n'],
    ['\x1b[1mZürich\x1b[22m', 1],
    ['水', 2],
  ]).split('\n');
  assert.deepEqual(
    lines.map(line => [...stripVTControlCharacters(line)].length),
    [9, 9, 9],
  );
});

test('an empty table is empty, short rows are filled', () => {
  assert.equal(table([]), '');
  assert.equal(table([['a', 'b'], ['x']]), 'a  b\nx');
});

test('away from a terminal, progress prints lines that stay and no control sequence', () => {
  const { chunks, stream: stderr } = stream(false);
  const progress = createProgress(stderr);
  progress.status('round 1');
  progress.line('round 1 done');
  progress.status('round 2');
  progress.end();
  assert.deepEqual(chunks, ['round 1 done\n']);
});

test('away from a terminal, news of a status is printed when it changes', () => {
  const { chunks, stream: stderr } = stream(false);
  const progress = createProgress(stderr);
  for (const news of ['present 1', 'present 1', 'present 2', undefined, 'present 2']) progress.status('waits', news);
  assert.deepEqual(chunks, ['present 1\n', 'present 2\n', 'present 2\n']);
});

test('on a terminal, progress rewrites one line and leaves none behind', () => {
  const { chunks, stream: stderr } = stream(true);
  const progress = createProgress(stderr);
  progress.status('round 1');
  progress.line('kept');
  progress.status('round 2');
  progress.end();
  progress.end();
  const clear = '\r\x1b[K';
  assert.deepEqual(chunks, ['round 1', clear, 'kept\n', 'round 2', clear]);
});

test('a status longer than the terminal is wide is cut, so that it stays one line', () => {
  const { chunks, stream: stderr } = stream(true, 30);
  createProgress(stderr).status(`${'x'.repeat(100)}\nsecond`);
  assert.equal(chunks[0].length, 29);
  assert.ok(chunks[0].endsWith('…') && !chunks[0].includes('\n'));
});
