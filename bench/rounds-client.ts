/** Entry point of a client process that takes part without training: `node rounds-client.ts HOME STEP`. */
import { streamLog } from '../src/node/logger.ts';
import { runClientProcess } from '../src/node/run-client.ts';
import { idleTrainer } from './idle-trainer.ts';

const [home, step] = process.argv.slice(2);
const controller = new AbortController();
// The parent holds the other end of this pipe: when it goes, so do we.
process.stdin.on('end', () => controller.abort()).resume();
const errors = streamLog(process.stderr);
await runClientProcess({
  home,
  log: event => {
    if (event.level !== undefined && event.level !== 'info') errors(event);
  },
  trainerFor: async task => idleTrainer(task, Number(step)),
  signal: controller.signal,
});
process.exit();
