import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Serial } from '../../src/coordinator/serial.ts';

test('actions run one at a time in the order they were given, whatever others did; each caller gets its own result or error', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ waits: fc.nat(5), fails: fc.boolean() }), { maxLength: 20 }),
      async actions => {
        const serial = new Serial();
        const seen: string[] = [];
        const results = await Promise.allSettled(
          actions.map(({ waits, fails }, i) =>
            serial.run(async () => {
              seen.push(`begin ${i}`);
              for (let turn = 0; turn < waits; turn++) await Promise.resolve();
              seen.push(`end ${i}`);
              if (fails) throw new RangeError(String(i));
              return i;
            }),
          ),
        );
        assert.deepEqual(
          seen,
          actions.flatMap((_, i) => [`begin ${i}`, `end ${i}`]),
        );
        results.forEach((result, i) => {
          if (result.status === 'fulfilled') assert.deepEqual([result.value, actions[i].fails], [i, false]);
          else assert.deepEqual([(result.reason as Error).message, actions[i].fails], [String(i), true]);
        });
      },
    ),
  );
});
