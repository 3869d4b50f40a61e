import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Progress } from '../../src/cli/output.ts';
import { freshHome, startFederation } from '../../src/cli/quickstart-federation.ts';
import { UserError } from '../../src/core/protocol/problem.ts';
import { freePorts } from '../../src/node/free-ports.ts';
import { temporaryFolder } from '../federation/enrolled.ts';

function silent(lines: string[] = []): Progress {
  return { status: () => undefined, end: () => undefined, line: text => void lines.push(text) };
}

const { signal } = new AbortController();

/** A port that somebody has taken until the test ends. */
async function takenPort(t: TestContext): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('a quickstart holds its folder from before it empties it until it ends', t => {
  const home = join(temporaryFolder(t), 'home');
  freshHome(home).release();
  mkdirSync(join(home, 'authority'));
  writeFileSync(join(home, 'authority', 'old'), '');
  const lock = freshHome(home);
  t.after(() => lock.release());
  assert.deepEqual(readdirSync(home).sort(), ['lock.pid', 'lock.sqlite', 'parley-quickstart']);
  assert.throws(() => freshHome(home), /is in use by process \d+ \(a quickstart/);
  lock.release();
  freshHome(home).release();
});

test('a home that is a file, or where no folder can be made, is refused with what to do', t => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, '');
  const homes = [file, ...(process.platform === 'linux' ? ['/proc/parley'] : [])];
  for (const home of homes) {
    assert.throws(
      () => freshHome(home),
      (error: unknown) => error instanceof UserError && error.message.startsWith(home) && /--home/.test(error.remedy),
    );
  }
});

for (const which of [0, 1]) {
  test(`when the ${['coordinator', 'authority'][which]}'s port is lost to another process, it starts again with others`, async t => {
    const home = join(temporaryFolder(t), 'home');
    const lock = freshHome(home);
    t.after(() => lock.release());
    const lost = await freePorts(2);
    lost[which] = await takenPort(t);
    const tries = [lost];
    const lines: string[] = [];
    const federation = await startFederation(
      home,
      [],
      silent(lines),
      signal,
      async count => tries.pop() ?? freePorts(count),
    );
    await federation.close();
    assert.ok(lines.some(line => line.includes('another process took a port')));
    assert.ok(existsSync(join(home, 'federation.json')));
  });
}

test('when ports are lost again and again, it says so', async t => {
  const home = join(temporaryFolder(t), 'home');
  const lock = freshHome(home);
  t.after(() => lock.release());
  const port = await takenPort(t);
  const ports = async (): Promise<number[]> => [port, (await freePorts(1))[0]];
  await assert.rejects(
    startFederation(home, [], silent(), signal, ports),
    (error: unknown) => error instanceof UserError && /take its ports again/.test(error.message),
  );
});

test('a process that cannot be started is said with a remedy', async t => {
  const home = join(temporaryFolder(t), 'home');
  const lock = freshHome(home);
  t.after(() => lock.release());
  const node = process.execPath;
  process.execPath = join(home, 'no-such-node');
  t.after(() => {
    process.execPath = node;
  });
  await assert.rejects(
    startFederation(home, [], silent(), signal),
    (error: unknown) => error instanceof UserError && /cannot be started/.test(error.message) && error.remedy !== '',
  );
});
