import assert from 'node:assert/strict';
import { connect, constants, createServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { boundedBody, readBody } from '../../../src/node/http/body.ts';

for (const [name, code] of [
  ['CANCEL', constants.NGHTTP2_CANCEL],
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
] as const) {
  test(`a body that the sender resets with ${name} broke off: it is not a short body`, async t => {
    const outcome = Promise.withResolvers<unknown>();
    const server = createServer((request: Http2ServerRequest) => {
      const length = request.headers['content-length'];
      readBody(boundedBody(request, length, { bytes: 1000 })).then(outcome.resolve, outcome.reject);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.after(() => void server.close());
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => session.destroy());
    const stream = session.request({ ':method': 'PUT', ':path': '/', 'content-length': '1000' }, { endStream: false });
    stream.on('error', () => undefined);
    stream.write(new Uint8Array(100), () => session.ping(() => stream.close(code)));
    await assert.rejects(
      outcome.promise,
      (error: unknown) =>
        error instanceof Problem && error.code === 'bad-request' && error.detail === 'the body broke off',
    );
  });
}
