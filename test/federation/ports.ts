/** TCP ports for servers that are killed and started again on the same port. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * So many distinct free ports below the range that systems give to outgoing connections: a client that calls a dead server must
 * not be given the server's own port.
 */
export async function serverPorts(count: number): Promise<number[]> {
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
