/** The statistics of a task gathered by a real federation: the same bits as from all tables in one place, with every site's consent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { readTaskFile } from '../../src/cli/task-file.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { encodeUpdateHead } from '../../src/core/protocol/message.ts';
import { statisticsTask } from '../../src/core/protocol/statistics-task.ts';
import type { Task } from '../../src/core/protocol/task.ts';
import { fileTrainers } from '../../src/node/run-client.ts';
import { byHand, credentialsOf, makeUpdate } from './by-hand.ts';
import { copyOf, type Enrolled, enrol } from './enrolled.ts';
import { startClient, startCoordinator } from './local.ts';
import { operatorOf } from './operator.ts';
import { smallTask } from './small-task.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const scratch = mkdtempSync(join(tmpdir(), 'parley-standardise-'));
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }));

const names = ['one', 'three', 'two'];
const task = smallTask({ minimum: 3 });
let enrolled: Enrolled;

before(async () => {
  enrolled = await enrol(join(scratch, 'enrolled'), names);
  writeFileSync(join(scratch, 'small.task.yaml'), stringify(task));
  mkdirSync(join(scratch, 'tables'));
  for (const name of names) copyFileSync(enrolled.tablePath(name), join(scratch, 'tables', `${name}.csv`));
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs parley standardise beside this process, which holds the other parties; `onError` sees what it says meanwhile. */
function standardise(
  output: string,
  flags: readonly string[],
  onError?: (text: string, stop: () => void) => void,
  file = join(scratch, 'small.task.yaml'),
) {
  const args = [main, 'standardise', file, '--output', join(scratch, output), ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', part => {
    stdout += part;
  });
  child.stderr.on('data', part => {
    stderr += part;
    onError?.(stderr, () => child.kill('SIGINT'));
  });
  return new Promise<Ended>(resolve => child.once('close', status => resolve({ status, stdout, stderr })));
}

test('a federation finds the very constants that all tables in one place have, also with a foreign trainer', async () => {
  await using stack = new AsyncDisposableStack();
  const copy = await copyOf(enrolled, join(scratch, 'found'));
  await startCoordinator(stack, copy);
  for (const name of names.slice(1)) startClient(stack, copy, name);
  startClient(stack, copy, names[0], () => assert.fail('a foreign trainer was asked for sums'));
  const operator = await operatorOf(copy, stack);
  await operator.present(names);
  const found = await standardise('found.yaml', ['--home', copy.home, '--json']);
  assert.equal(found.status, 0, found.stderr);
  const together = await standardise('together.yaml', ['--data', join(scratch, 'tables'), '--json']);
  assert.equal(together.status, 0, together.stderr);
  const [ofSites, ofTables] = [found, together].map(({ stdout }) => JSON.parse(stdout));
  assert.deepEqual(ofSites.columns, ofTables.columns);
  assert.deepEqual([ofSites.rows, ofSites.sites], [ofTables.rows, names]);
  const status = await operator.status(ofSites.run);
  assert.deepEqual([status.phase, status.name, status.clients], ['finished', 'small-statistics', []]);
  const again = await standardise('found.yaml', ['--home', copy.home, '--json']);
  assert.deepEqual(again, { ...found, stderr: again.stderr }, 'the same run is taken up, the same file is there');
  assert.doesNotMatch(found.stderr, /loss/);
  const { data } = readTaskFile(ofSites.output);
  assert.ok(data.format === 'csv');
  assert.equal(data.standardise, 'none');
});

test('a statistics run that waits for sites says that they must accept it, and Ctrl-C leaves it to be taken up', async () => {
  await using stack = new AsyncDisposableStack();
  const copy = await copyOf(enrolled, join(scratch, 'alone'));
  await startCoordinator(stack, copy);
  const hint = /only if their client accepts the task: --accept small-statistics, or no --accept at all/;
  let isStopped = false;
  const { status, stderr } = await standardise('alone.yaml', ['--home', copy.home], (text, stop) => {
    if (isStopped || !hint.test(text)) return;
    isStopped = true;
    stop();
  });
  assert.equal(status, 130);
  assert.match(stderr, /interrupted; the run goes on/);
  const operator = await operatorOf(copy, stack);
  for (const name of names) startClient(stack, copy, name);
  const found = await standardise('alone.yaml', ['--home', copy.home, '--json']);
  assert.equal(found.status, 0, found.stderr);
  assert.equal((await operator.status(JSON.parse(found.stdout).run)).phase, 'finished');
});

test('a site that accepts only the task itself is not made to send its sums', async () => {
  const path = enrolled.tablePath('one');
  const open = (asked: Task) => fileTrainers(path, [task.name])(asked, 'hash of the task');
  await open(task);
  await assert.rejects(async () => open(statisticsTask(task)), /small-statistics: this site does not accept the task/);
});

test('an update that is no sums spoils the run, and the command says so instead of writing constants', async () => {
  await using stack = new AsyncDisposableStack();
  const copy = await copyOf(enrolled, join(scratch, 'spoilt'));
  await startCoordinator(stack, copy);
  const alone = smallTask({ minimum: 1, deadlineSeconds: 1 });
  const file = join(scratch, 'alone.task.yaml');
  writeFileSync(file, stringify(alone));
  const statistics = statisticsTask(alone);
  const operator = await operatorOf(copy, stack);
  const run = await operator.submit(statistics);
  const mallory = byHand(stack, copy, credentialsOf(copy, 'one'));
  assert.equal((await mallory.hello()).code, 'ok');
  const tensor = new Float32Array(parameterCount(taskManifest(statistics))).fill(0.25);
  const { envelope, tensor: bytes } = makeUpdate(await mallory.assignment(), statistics, mallory.credentials, {
    tensor,
  });
  const body = Buffer.concat([encodeUpdateHead(envelope), bytes]);
  assert.equal((await mallory.request('PUT', `/v1/tasks/${run}/rounds/1/update`, body)).code, 'ok');
  const { status, stdout, stderr } = await standardise('spoilt.yaml', ['--home', copy.home], undefined, file);
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(
    stderr,
    /small-statistics: the mean is not that of whole numbers: some site sent something else than its sums\n→ /,
  );
  assert.ok(!existsSync(join(scratch, 'spoilt.yaml')));
});

test('the sums of a stopped run are not there, and that is said', async () => {
  await using stack = new AsyncDisposableStack();
  const copy = await copyOf(enrolled, join(scratch, 'stopped'));
  await startCoordinator(stack, copy);
  const operator = await operatorOf(copy, stack);
  const run = await operator.submit(statisticsTask(task));
  await operator.channel.post(`/v1/runs/${run}/stop`, {});
  const { status, stderr } = await standardise('stopped.yaml', ['--home', copy.home]);
  assert.equal(status, 2);
  assert.match(stderr, /small-statistics: this run was stopped\n→ Change the seed of the task/);
});
