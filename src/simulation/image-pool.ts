/** Images as a pool. */
import type { Dataset } from '../core/data/dataset.ts';
import type { ImageSchema } from '../core/data/image-schema.ts';
import { imageSite } from '../core/data/image-site.ts';
import { iidPartition } from '../core/data/partition.ts';
import { pickRows } from '../core/data/rows.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { Pool } from './pool.ts';
import { streamOf } from './stream.ts';

/**
 * A task that splits images itself splits each client's. One with test files (`split: files`) has one common test set
 * here: every client tests on an equal share of it, drawn at random, whatever its training images are.
 *
 * @param test rows of the test files, or null.
 */
export function imagePool(schema: ImageSchema, train: Dataset, test: Dataset | null, name: string): Pool {
  return {
    name,
    rows: train.rows,
    classes: train.labels,
    sitesOf(parts, seed) {
      const shares = test === null ? null : testShares(test, parts.length, name, seed);
      return parts.map(({ name: client, rows }, i) => {
        const share = test === null || shares === null ? null : pickRows(test, shares[i]);
        return { name: client, data: imageSite(schema, pickRows(train, rows), share, client) };
      });
    },
  };
}

function testShares(test: Dataset, clients: number, name: string, seed: number): readonly Uint32Array[] {
  if (test.rows >= clients) return iidPartition(test.rows, clients, streamOf(seed, 'test rows'));
  throw new UserError(name, `has ${test.rows} test images for ${clients} clients`, 'Simulate fewer clients.');
}
