import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cnnRate, lstmRate, mlpClippedRate, mlpRate } from './jax-step.ts';

test('the steps that the bench holds the engine against run', async () => {
  for (const rate of [mlpRate, mlpClippedRate, lstmRate, cnnRate]) {
    const stepsPerSecond = await rate({ warmUp: 0, steps: 1 });
    assert.ok(stepsPerSecond > 0 && Number.isFinite(stepsPerSecond), rate.name);
  }
});
