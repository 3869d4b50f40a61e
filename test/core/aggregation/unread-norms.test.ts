import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cohort, MeasureRequest } from '../../../src/core/aggregation/cohort.ts';
import { memoryVectors } from '../../../src/core/aggregation/memory-vectors.ts';
import { aggregate } from '../../../src/core/aggregation/pipeline.ts';
import { serialCohort } from '../../../src/core/aggregation/serial-cohort.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { aggregationSchema } from '../../../src/core/protocol/aggregation-settings.ts';

/** What the rule asked of pass 1, and what came out. */
async function asked(part: object): Promise<{ requests: MeasureRequest[]; vector: Float32Array }> {
  const random = new RandomStream(new Uint8Array(32).fill(9));
  const rows = Array.from({ length: 9 }, () => Float32Array.from({ length: 4 }, () => random.normal()));
  // So far away that its distances overflow float32.
  rows[8].fill(1e30);
  const requests: MeasureRequest[] = [];
  const inner = serialCohort(memoryVectors(rows));
  const cohort: Cohort = {
    ...inner,
    measure(request) {
      requests.push(request);
      return inner.measure(request);
    },
  };
  const settings = aggregationSchema.parse({ byzantine: 2, ...part });
  const given = { weights: null, squaredNorms: null, trusted: null };
  const { vector } = await aggregate({ cohort, updates: 9, settings, byzantine: 2, random, ...given });
  return { requests, vector };
}

test('norms are measured for rules that read inner products, and for what stands before a rule', async () => {
  const normsOf = async (part: object) => (await asked(part)).requests[0].norms !== false;
  assert.equal(await normsOf({ rule: 'krum' }), false);
  assert.equal(await normsOf({ rule: 'caf' }), false);
  assert.equal(await normsOf({ rule: 'geometric-median' }), true);
  assert.equal(await normsOf({ rule: 'krum', before: [{ name: 'nnm' }] }), true);
});

test('a row whose distances overflow is left out by a rule that reads no norms', async () => {
  for (const rule of ['krum', 'multi-krum', 'mda', 'caf']) {
    const { vector } = await asked({ rule });
    assert.ok(
      vector.every(value => Math.abs(value) < 10),
      `${rule}: ${vector}`,
    );
  }
});
