/** A coordinator or client that cannot start says why, in a sentence, and leaves what is there as it was. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { UserError } from '../../src/core/protocol/problem.ts';
import { freePorts } from '../../src/node/free-ports.ts';
import { type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import { startClient, startCoordinator } from '../federation/local.ts';
import { operatorOf } from '../federation/operator.ts';
import { startProcess } from '../federation/process.ts';
import { smallTask } from '../federation/small-task.ts';
import { mountsAreRefused, onSmallDisk } from '../node/storage/private-mount.ts';

describe('a process that may not start', () => {
  const stack = new AsyncDisposableStack();
  const clients = ['anna', 'bert'];
  let enrolled: Enrolled;
  before(async () => {
    const folder = temporaryFolder({ after: hook => stack.defer(hook) });
    enrolled = await enrol(join(folder, 'demo'), clients);
  });
  after(() => stack.disposeAsync());

  test('as a second coordinator on the same home is named the first one, which works on', async () => {
    await using here = new AsyncDisposableStack();
    const ready = Promise.withResolvers<void>();
    const { child, ended } = startProcess(enrolled, 'coordinator', report => 'ready' in report && ready.resolve());
    here.defer(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    await ready.promise;
    const [otherPort] = await freePorts(1);
    await assert.rejects(startCoordinator(here, enrolled, { port: otherPort }), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, new RegExp(`is in use by process ${child.pid} \\(a coordinator`));
      assert.match(error.remedy, new RegExp(`kill ${child.pid}`));
      return true;
    });
    for (const client of clients) startClient(here, enrolled, client);
    const operator = await operatorOf(enrolled, here);
    const task = smallTask({ name: 'beside', minimum: clients.length });
    assert.equal((await operator.outcome(await operator.submit(task))).model, await expectedModel(task, clients));
  });

  test('as a second client on the same home is named the first one', async () => {
    await using here = new AsyncDisposableStack();
    await startCoordinator(here, enrolled);
    const operator = await operatorOf(enrolled, here);
    const { child, ended } = startProcess(enrolled, 'anna', () => undefined);
    here.defer(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    await operator.present(['anna']);
    const second = new AsyncDisposableStack();
    await assert.rejects(startClient(second, enrolled, 'anna').ended, (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, new RegExp(`is in use by process ${child.pid} \\(a client`));
      return true;
    });
  });

  test('because its port is in use is told so, and starts once the port is free', async () => {
    await using here = new AsyncDisposableStack();
    const other = createServer();
    await new Promise<void>(resolve => other.listen(enrolled.port, '127.0.0.1', resolve));
    await assert.rejects(startCoordinator(here, enrolled), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.message, `127.0.0.1:${enrolled.port}: this port is in use`);
      assert.match(error.remedy, /--port/);
      return true;
    });
    await new Promise(resolve => other.close(resolve));
    await startCoordinator(here, enrolled); // nothing of the failed start stands in the way: no lock, no timer
  });

  test('because its home is on a read-only disk is told so', { skip: mountsAreRefused() }, () => {
    const script = `cp -a "$2/." "$1"; mount -o remount,ro "$1"; "$3" "$4" "$1"`;
    const child = join(import.meta.dirname, 'read-only-child.ts');
    const { status, output } = onSmallDisk(4096, script, enrolled.home, process.execPath, child);
    assert.equal(status, 0, output);
    const { name, message, remedy } = JSON.parse(output);
    assert.equal(name, 'UserError', output);
    assert.match(message, /read-only|cannot be opened for writing/);
    assert.ok(remedy.length > 0);
  });
});
