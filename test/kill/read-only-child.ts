/** Starts a coordinator on a home that cannot be written, and prints what it says. */
import { runCoordinator } from '../../src/node/run-coordinator.ts';

const [home] = process.argv.slice(2);
const error = await runCoordinator({ home, host: '127.0.0.1', port: 0, log: () => undefined }).then(
  () => new Error('it started'),
  cause => cause,
);
const { name, message, remedy } = error;
process.stdout.write(JSON.stringify({ name, message, remedy }));
