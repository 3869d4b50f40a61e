import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type TextSchema, textSchema } from '../../../src/core/data/text-schema.ts';
import { isLongEnough, textSite } from '../../../src/core/data/text-site.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

function schema(changes: object = {}): TextSchema {
  const split = { type: 'tail', trainFraction: 0.6 };
  return textSchema.parse({ format: 'text', alphabet: 'abcde', window: 2, split, ...changes });
}

const refused = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

test('the first characters train, the last test; both are cut into windows by themselves', () => {
  const { train, test: tests, classes } = textSite(schema(), 'abcdeabcdd', 'play.txt');
  assert.deepEqual([...train.features], [0, 1, 2, 3]);
  assert.deepEqual([...train.labels], [1, 2, 3, 4]);
  assert.deepEqual([tests.rows, ...tests.features, ...tests.labels], [1, 1, 2, 2, 3]);
  assert.equal(tests.labelWidth, 2);
  assert.equal(classes, 5);
});

test('characters outside of the alphabet refuse the text, or become one token more where the task says so', () => {
  assert.throws(() => textSite(schema(), 'abcd\nxabcd', 'play.txt'), refused(/^play\.txt:line 1, column 5: /));
  const site = textSite(schema({ unknown: 'token' }), 'abxdeabc😀e', 'play.txt');
  assert.equal(site.classes, 6);
  assert.deepEqual([...site.train.features], [0, 1, 5, 3]);
  assert.deepEqual([...site.test.labels], [2, 5]);
});

test('a text is refused exactly when a part is shorter than a window and its last label', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 80 }),
      fc.integer({ min: 2, max: 12 }),
      fc.double({ min: 0.05, max: 0.95, noNaN: true }),
      (length, window, trainFraction) => {
        const of = schema({ window, split: { type: 'tail', trainFraction } });
        const load = () => textSite(of, 'a'.repeat(length), 'play.txt');
        if (!isLongEnough(of, length)) assert.throws(load, refused(/a part is shorter than a window/));
        else {
          const { train, test: tests } = load();
          const used = [train, tests].map(side => side.rows * window + 1);
          assert.ok(train.rows > 0 && tests.rows > 0 && used[0] + used[1] <= length);
        }
      },
    ),
  );
});
