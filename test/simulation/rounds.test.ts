import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HashWorkers } from '../../bench/hash-workers.ts';
import { PassingBlobs } from '../../bench/passing-blobs.ts';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { parseTask } from '../../src/core/protocol/task.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { simulateRounds } from '../../src/simulation/rounds.ts';
import { smallTask } from './federation.ts';

const clients = 7;
const small = smallTask({ seed: 1, clients, faults: [], rounds: 2 });
/** 2 · 600 + 600 · 600 + 600 weights and 600 + 600 + 1 biases: 1.45 MB, large enough for the pool. */
const task = parseTask({ ...small, model: { name: 'mlp', hidden: [600, 600] } });
const { sha256Large, createSha256 } = simulationPorts.primitives;

test('rounds with threads and memory used again give the model of rounds in memory, however many clients send at once', async () => {
  const inMemory = { ports: simulationPorts, hashing: { sha256Large, createSha256 }, task, clients };
  const expected = await simulateRounds({ ...inMemory, blobs: new MemoryBlobs(), atOnce: 1 });
  assert.match(expected, /^[0-9a-f]{64}$/);
  const hashing = new HashWorkers(2_000_000);
  const blobs = new PassingBlobs(2_000_000);
  for (const atOnce of [1, 3, clients]) {
    const ended: number[] = [];
    const model = await simulateRounds({ ...inMemory, hashing, blobs, atOnce, onRound: round => ended.push(round) });
    assert.equal(model, expected);
    assert.deepEqual(ended, [1, 2]);
    for (const key of await blobs.list('')) await blobs.remove(key);
  }
  await hashing.close();
});
