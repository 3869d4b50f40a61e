/** Free TCP ports of this machine, for a federation that lives on loopback only. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * So many distinct ports that were free a moment ago, below the range that systems give to outgoing connections: whoever calls a
 * server that is down must not be given the server's own port. Another process may take one before it is used: the listener says so.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(12_000, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
