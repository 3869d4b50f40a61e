/** A process of its own, so that its memory can be told: rounds of many clients with a large model. Prints one JSON line. */
import { simulationPorts } from '../src/cli/simulation-ports.ts';
import { onlyTable } from '../src/core/data/only-table.ts';
import { parseTask } from '../src/core/protocol/task.ts';
import { simulateRounds } from '../src/simulation/rounds.ts';
import { HashWorkers } from './hash-workers.ts';
import { PassingBlobs } from './passing-blobs.ts';
import { sizedTask } from './rounds-task.ts';

const [clients, rounds, atOnce] = process.argv.slice(2).map(Number);
const small = sizedTask('1k', { rounds, clients, seed: 0 });
const table = onlyTable(small.data, 'bench', 'Give it a task for tables.');
// 12 · 903 + 903 · 1092 + 1092 weights and 903 + 1092 + 1 biases: 1,000,000. Few columns: the task itself stays small.
const task = parseTask({
  ...small,
  name: 'bench-simulated',
  data: { ...table, columns: table.columns.slice(-13) },
  model: { name: 'mlp', hidden: [903, 1092] },
});
const tensorBytes = 4 * 1_000_000;
const blobs = new PassingBlobs(tensorBytes + 65_536);
const ends: number[] = [];
const hashing = new HashWorkers(tensorBytes);
await simulateRounds({
  ports: simulationPorts,
  hashing,
  task,
  clients,
  blobs,
  atOnce,
  onRound: () => ends.push(performance.now()),
});

await hashing.close();
const seconds = ends.slice(1).map((end, i) => (end - ends[i]) / 1000);
process.stdout.write(`${JSON.stringify({ seconds, megabytes: (process.resourceUsage().maxRSS * 1024) / 1e6 })}\n`);
