/** What a run must come to, computed without coordinator, clients or network: the learning alone, in the order of names. */
import { createHash } from 'node:crypto';
import { applyServerOptimizer, initialServerState } from '../../src/core/aggregation/server-optimizer.ts';
import { WeightedSum } from '../../src/core/aggregation/weighted-mean.ts';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { onlyTable } from '../../src/core/data/only-table.ts';
import { loadSite } from '../../src/core/data/table.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskParameters } from '../../src/core/learning/model.ts';
import { encodeTask, initialSeed, type Task, trainingSeed } from '../../src/core/protocol/task.ts';
import { bytesSource } from '../../src/node/data/read-file.ts';
import { siteTable } from './small-task.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Hex SHA-256 of the final parameters when exactly these clients are combined in every round. */
export async function expectedModel(task: Task, clients: readonly string[]): Promise<string> {
  const taskHash = sha256(encodeTask(task));
  let global: Float32Array = taskParameters(task, sha256(initialSeed(task)));
  let state = initialServerState(task.server, global.length);
  const schema = onlyTable(task.data, task.name, '');
  const sites = await Promise.all(
    [...clients].sort().map(async name => {
      const site = await loadSite(schema, bytesSource(name, Buffer.from(siteTable(name))));
      return { name, trainer: createTrainer(task, site) };
    }),
  );
  for (let round = 1; round <= task.rounds; round++) {
    const sum = new WeightedSum(global.length);
    let total = 0;
    for (const { name, trainer } of sites) {
      const seed = sha256(trainingSeed(taskHash, round, name));
      const { parameters, examples } = await trainer.train({ parameters: global, round, seed });
      sum.add(
        parameters.map((value, i) => value - global[i]),
        0,
        examples,
      );
      total += examples;
    }
    ({ state, parameters: global } = applyServerOptimizer(task.server, state, global, sum.mean(total)));
  }
  return sha256(floatsToBytes(global)).toString('hex');
}
