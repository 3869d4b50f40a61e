import assert from 'node:assert/strict';
import { connect, constants, createServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { boundedBody } from '../../../src/node/http/body.ts';

for (const [name, code] of [
  ['CANCEL', constants.NGHTTP2_CANCEL],
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
] as const) {
  for (const when of ['reader waits', 'reader has not begun'] as const) {
    test(`a body that the sender resets with ${name} while its ${when} broke off: it is not a short body`, async t => {
      const outcome = Promise.withResolvers<number>();
      const reading = Promise.withResolvers<void>();
      const server = createServer((request: Http2ServerRequest) => {
        const closed = new Promise<void>(resolve => request.stream.once('close', resolve));
        const read = async (): Promise<number> => {
          let received = 0;
          if (when === 'reader has not begun') {
            reading.resolve();
            await closed;
          }
          for await (const chunk of boundedBody(request, '1000', { bytes: 1000 })) {
            received += chunk.length;
            reading.resolve();
          }
          return received;
        };
        read().then(outcome.resolve, outcome.reject);
      });
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      t.after(() => void server.close());
      const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      t.after(() => session.destroy());
      const headers = { ':method': 'PUT', ':path': '/', 'content-length': '1000' };
      const stream = session.request(headers, { endStream: false });
      stream.on('error', () => undefined);
      stream.write(new Uint8Array(100));
      await reading.promise;
      stream.close(code);
      await assert.rejects(
        outcome.promise,
        (error: unknown) =>
          error instanceof Problem && error.code === 'bad-request' && error.detail === 'the body broke off',
      );
    });
  }
}
