/** A process of its own, so that its memory can be told: rounds of many clients with a large model. Prints one JSON line. */
import { simulationPorts } from '../src/cli/simulation-ports.ts';
import { simulateRounds } from '../src/simulation/rounds.ts';
import { sizedTask, sizes } from './rounds-task.ts';
import { SpilledBlobs } from './spilled-blobs.ts';

const [clients, rounds, atOnce] = process.argv.slice(2).map(Number);
const task = sizedTask('1m', { rounds, clients, seed: 0 });
const blobs = new SpilledBlobs(4 * sizes['1m'].parameters + 1_048_576);
const ends: number[] = [];
await simulateRounds({
  ports: simulationPorts,
  task,
  clients,
  blobs,
  atOnce,
  onRound: () => ends.push(performance.now()),
});
blobs.close();
const seconds = ends.slice(1).map((end, i) => (end - ends[i]) / 1000);
process.stdout.write(`${JSON.stringify({ seconds, megabytes: process.resourceUsage().maxRSS / 1000 })}\n`);
