import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputWidth, labelWidth } from '../../../src/core/learning/shape.ts';
import { all, distance, example, length, run } from './layer-run.ts';
import { oddNetworks } from './odd-networks.ts';

const rows = 5;

for (const [name, network] of Object.entries(oddNetworks)) {
  test(`${name}: a row whose gradient is not finite leaves no trace in the clipped gradient of the others`, () => {
    const of = example(network, rows, 7);
    const isText = network.shape.input.kind === 'tokens';
    const width = isText ? labelWidth(network.shape.output) : inputWidth(network.shape.input);
    let leftOut = 0;
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
      for (const row of [0, 2, rows - 1]) {
        // Tokens are always finite: there the vector of a token that only this row has is not.
        const broken = { ...of, features: of.features.slice(), parameters: of.parameters.slice() };
        if (isText) {
          const { width: vector } = network.layers[0] as { width: number };
          broken.features.forEach((token, i) => {
            broken.features[i] = Math.floor(i / width) === row ? 6 : token % 6;
          });
          broken.parameters.fill(value, 6 * vector, 7 * vector);
        } else broken.features.fill(value, row * width, (row + 1) * width);
        const { gradient, norms } = run(broken, all(rows), { clip: 0.5 }, { batch: rows });
        const others = all(rows).filter(other => other !== row);
        const clean = run(broken, others, { clip: 0.5 }, { batch: rows });
        assert.ok(gradient.every(Number.isFinite), `${value} in row ${row}`);
        if (Number.isFinite(norms[row])) continue;
        leftOut++;
        assert.ok(distance(gradient, clean.gradient) <= 1e-6 * length(clean.gradient), `${value} in row ${row}`);
        assert.deepEqual(
          norms.filter((_, i) => i !== row),
          clean.norms,
        );
      }
    }
    assert.ok(leftOut >= 6, String(leftOut));
  });
}

test('the networks have every kind of layer', () => {
  const types = new Set(Object.values(oddNetworks).flatMap(({ layers }) => layers.map(({ type }) => type)));
  const known = ['conv2d', 'dense', 'dropout', 'embedding', 'group-norm', 'gru', 'layer-norm', 'lstm', 'pool2d'];
  assert.deepEqual([...types].sort(), known);
});
