/** Entry point of a client that tests start, watch and kill. */
import { fileTrainers, runClientProcess } from '../../src/node/run-client.ts';
import { orders, parentGone, step, tell } from './orders.ts';

try {
  const trainerFor = fileTrainers(orders.table, null);
  await runClientProcess({
    home: orders.home,
    log: event => tell({ log: event }),
    trainerFor,
    signal: parentGone,
    step,
  });
} catch (error) {
  tell({ failed: String(error) });
  process.exitCode = 1;
}
process.disconnect?.();
