/** HTTP/2 frames by hand (RFC 9113 §4.1), for peers that keep no rule. */
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { Credentials } from '../../src/node/pki/credentials.ts';
import { clientTlsOptions } from '../../src/node/pki/tls-options.ts';

const types = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const flags = { endStream: 1, acknowledge: 1, endHeaders: 4 } as const;

/** One frame. */
export function frame(type: keyof typeof types, flagBits: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(types[type], 3);
  head.writeUInt8(flagBits, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A request without a body, its header block in as many frames as it takes. */
export function request(stream: number, block: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_000) parts.push(block.subarray(at, at + 16_000));
  return Buffer.concat(
    parts.map((part, i) => {
      const end = i === parts.length - 1 ? flags.endHeaders : 0;
      return i === 0 ? frame('headers', end | flags.endStream, stream, part) : frame('continuation', end, stream, part);
    }),
  );
}

/** Resolves with the types of the frames that come, when one of this type has come or the connection has ended. */
export function framesUntil(socket: Socket, type: keyof typeof types): Promise<(string | undefined)[]> {
  const names = new Map<number, string>(Object.entries(types).map(([name, value]) => [value, name]));
  return new Promise(resolve => {
    let held = Buffer.alloc(0);
    const seen: (string | undefined)[] = [];
    socket.once('close', () => resolve(seen));
    socket.on('data', chunk => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 9 && held.length >= 9 + held.readUIntBE(0, 3)) {
        seen.push(names.get(held[3]));
        held = held.subarray(9 + held.readUIntBE(0, 3));
      }
      if (seen.includes(type)) resolve(seen);
    });
  });
}

/** What a client says first, with empty settings, and the acknowledgement of the server's. */
export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame('settings', 0, 0, new Uint8Array(0)),
  frame('settings', flags.acknowledge, 0, new Uint8Array(0)),
]);

/** A header block (RFC 7541, literals without indexing): the request line, then the others. */
export function headerBlock(method: string, path: string, others: readonly (readonly [string, string])[] = []): Buffer {
  const all = [[':method', method], [':scheme', 'https'], [':path', path], [':authority', 'localhost'], ...others];
  return Buffer.concat(all.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** A TLS connection of a member with nothing on it yet. */
export function rawConnection(stack: AsyncDisposableStack, port: number, credentials: Credentials): Promise<Socket> {
  const options = { ...clientTlsOptions(credentials, undefined), port, host: '127.0.0.1', servername: 'localhost' };
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => resolve(socket));
    socket.once('error', reject).on('error', () => socket.destroy());
    stack.defer(() => void socket.destroy());
  });
}

/** Resolves when the peer has ended the connection; what it sends is thrown away. */
export function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    if (socket.destroyed) return resolve();
    socket.resume().once('close', () => resolve());
  });
}

/** A string with its length as a 7-bit prefix integer, no Huffman coding (RFC 7541 §5). */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const prefix = [];
  if (bytes.length < 127) prefix.push(bytes.length);
  else {
    prefix.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) prefix.push((rest % 128) | 128);
    prefix.push(rest);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}
