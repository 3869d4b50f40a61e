import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const cases = fc.record({
  vocabulary: fc.integer({ min: 1, max: 12 }),
  width: fc.integer({ min: 1, max: 11 }),
  rows: fc.integer({ min: 1, max: 4 }),
  steps: fc.integer({ min: 1, max: 20 }),
  seed: fc.nat(255),
});

const tokenise = (tokens: Float32Array, vocabulary: number) =>
  tokens.forEach((x, i) => {
    tokens[i] = Math.floor(Math.abs(x) * 7919) % vocabulary;
  });

test('gathering takes the rows that the tokens name, scattering adds to them, and both agree with the twin to the bit', () => {
  fc.assert(
    fc.property(cases, ({ vocabulary, width, rows, steps, seed }) => {
      const count = rows * steps;
      let before: Float32Array = new Float32Array();
      const prepare = ([tokens, table]: Float32Array[]) => {
        tokenise(tokens, vocabulary);
        before = table.slice();
      };
      const sizes = [count, vocabulary * width, count * width];
      const [tokens, table, gathered] = assertSame(
        sizes,
        (k, [t, w, y]) => k.gatherTokens(t, w, y, count, width) as undefined,
        { seed, prepare },
      );
      gathered.forEach((value, i) => {
        assert.equal(value, table[tokens[Math.floor(i / width)] * width + (i % width)]);
      });
      const [, sums, values] = assertSame(
        sizes,
        (k, [t, w, y]) => k.scatterTokens(t, y, w, count, width) as undefined,
        { seed, prepare },
      );
      const expected = Float64Array.from(before);
      values.forEach((value, i) => {
        expected[tokens[Math.floor(i / width)] * width + (i % width)] += value;
      });
      sums.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]) < 1e-5);
      });
    }),
  );
});

test('token squares are those of the scattered gradient of each row, the slots are 0 again, and the twin agrees to the bit', () => {
  fc.assert(
    fc.property(cases, ({ vocabulary, width, rows, steps, seed }) => {
      // The norms are float64: two float32 places each.
      const sizes = [rows * steps, rows * steps * width, 2 * rows, vocabulary, steps * width];
      const [tokens, values, norms, slots] = assertSame(
        sizes,
        (k, [t, e, n, s, sums]) => k.addTokenSquares(t, e, n, s, sums, rows, steps, width) as undefined,
        {
          seed,
          prepare: ([t, , n, s]) => {
            tokenise(t, vocabulary);
            n.fill(0);
            s.fill(0);
          },
        },
      );
      assert.ok(slots.every(slot => slot === 0));
      const squares = new Float64Array(norms.buffer, norms.byteOffset, rows);
      for (let row = 0; row < rows; row++) {
        const table = new Float64Array(vocabulary * width);
        for (let i = 0; i < steps * width; i++) {
          const token = tokens[row * steps + Math.floor(i / width)];
          table[token * width + (i % width)] += values[row * steps * width + i];
        }
        const expected = table.reduce((sum, x) => sum + x * x, 0);
        assert.ok(Math.abs(squares[row] - expected) <= 1e-5 * expected, `${squares[row]}, expected ${expected}`);
      }
    }),
  );
});
