/** Trainers that do not do what they must: each is refused by name, ended, and started anew; none takes the client with it. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { TrainerFailure } from '../../../src/core/learning/trainer-failure.ts';
import { type LogEvent, pause } from '../../../src/core/protocol/ports.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { systemClock } from '../../../src/node/clock.ts';
import { createForeignTrainer, type ForeignTrainer } from '../../../src/node/trainer/foreign-trainer.ts';
import { showsProcesses } from '../../../src/node/trainer/process-tree.ts';
import { nameOf } from '../../../src/node/trainer/trainer-process.ts';
import { sampleSite, sampleTask } from './sample.ts';

const scratch = mkdtempSync(join(tmpdir(), 'parley-odd-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const task = sampleTask();
const site = sampleSite(task, { train: 20, test: 6 });
const parameters = Float32Array.from({ length: 6 }, (_, i) => i / 8);
const request = { parameters, round: 1, seed: new Uint8Array(32) };

interface Odd extends ForeignTrainer {
  readonly log: LogEvent[];
  readonly folder: string;
}

function odd(
  t: TestContext,
  manner: string,
  changes: { timeMs?: number; memoryBytes?: number; rows?: typeof site } = {},
): Odd {
  const folder = mkdtempSync(join(scratch, 'life-'));
  const log: LogEvent[] = [];
  const command = [process.execPath, join(import.meta.dirname, 'odd-trainer.ts'), manner, folder];
  const limits = { timeMs: changes.timeMs ?? 60_000, memoryBytes: changes.memoryBytes ?? null };
  const trainer = createForeignTrainer(task, changes.rows ?? site, { command, limits, log: event => log.push(event) });
  t.after(() => trainer.close());
  return { ...trainer, log, folder };
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => assert.fail('it was believed'),
    (error: unknown) => error,
  );
  assert.ok(error instanceof Error);
  return error;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !showsProcesses || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

test('a program of the site cannot train with dp-sgd: its batches and noise would have to be believed', () => {
  const privacy = {
    mechanism: 'dp-sgd',
    unit: 'record',
    clipNorm: 1,
    sampling: 'all',
    noisyClients: null,
    metrics: null,
    relation: 'add-remove',
    noiseAt: 'client',
    noiseMultiplier: 1,
    delta: 1e-3,
    budget: { epsilon: 1 },
    profile: null,
    schedule: { kind: 'uniform' },
    recordsPerPerson: 1,
  } as const;
  const settings = { command: ['none'], limits: { timeMs: 1, memoryBytes: null }, log: () => undefined };
  assert.throws(() => createForeignTrainer({ ...task, privacy }, site, settings), {
    name: 'UserError',
    message: /^trainer none: cannot train sample: with dp-sgd/,
    remedy: /^Leave out --trainer for this task/,
  });
});

describe('a foreign trainer', () => {
  test('is asked for no smaller model than it was told: the site declines a task with federated dropout', async t => {
    const trainer = odd(t, 'none');
    await assert.rejects(trainer.train({ ...request, model: task.model }), {
      name: 'UserError',
      message: /cannot train sample: federated dropout trains a smaller model/,
    });
  });

  test('trains and evaluates in one process; tensors may come in any order', async t => {
    const trainer = odd(t, 'none');
    const { parameters: trained, ...rest } = await trainer.train(request);
    assert.deepEqual(
      [...trained],
      [...parameters].map(value => value + 0.5),
    );
    assert.deepEqual(rest, { examples: 3, steps: 6, loss: 0.25 });
    const evaluation = await trainer.evaluate(trained);
    assert.equal(evaluation.examples, 6);
    assert.ok(evaluation.kind === 'classes');
    assert.ok(Math.abs(evaluation.logLoss - 6 * Math.LN2) < 1e-9, 'measured here, from outputs that are all 0');
    assert.deepEqual(
      trainer.log.map(({ event }) => event),
      ['trainer-ready'],
    );
  });

  const manners: [manner: string, what: RegExp][] = [
    ['exits at once', /ended with exit code 3; its last words: +no luck today$/],
    ['early', /sent a line that is not JSON/],
    ['other version', /speaks version 2 of the protocol, this is version 1/],
    ['garbage', /sent a line that is not JSON/],
    ['not UTF-8', /sent a line that is not UTF-8/],
    ['endless line', /sent a line of more than 65536 bytes/],
    ['no answer', /sent a line that is no answer: bytes/],
    ['wrong answer', /answered "ready" where "trained" was due/],
    ['error', /says: out of patience/],
    ['too many bytes', /wants to send 1000000000000000 bytes, more than the \d+ it needs/],
    ['exits', /ended with exit code 7/],
    ['closes', /closed its output without an answer/],
    ['half an answer', /ended with exit code 0/],
    ['NaN', /sent tensors that cannot be used: value \d is not finite/],
    ['infinite loss', /sent a line that is no answer: loss/],
    ['tensor missing', /did not send the tensor "layers\.0\.bias"/],
    ['tensor more', /sent the tensor "more", which the model has not/],
    ['other shape', /sent the tensor "layers\.0\.bias" with the shape \[1,1\], the model has \[1\]/],
    ['other type', /sent tensors that cannot be used: .*"I32"/],
    ['many examples', /says it trained on 1000000 examples, the site has 20/],
    ['no examples', /says it trained on 0 examples/],
    ['talks on', /sent more than its answer|sent a line that is not JSON/],
  ];
  for (const [manner, what] of manners) {
    test(`that does this is refused, and started anew: ${manner}`, async t => {
      const trainer = odd(t, manner);
      // Some say too much after an answer: the next request may be the first to hear it.
      const error = await failure(trainer.train(request).then(() => trainer.train(request)));
      assert.ok(error instanceof TrainerFailure, String(error));
      assert.match(error.message, what);
      assert.match(error.message, /^trainer node odd-trainer\.ts/);
      assert.equal((await trainer.train(request)).examples, 3);
    });
  }

  test('that gives another number of outputs than the site has test rows is refused', async t => {
    const trainer = odd(t, 'few outputs');
    const error = await failure(trainer.evaluate(parameters));
    assert.match(error.message, /sent the tensor "outputs" with the shape \[5,1\], the model has \[6,1\]/);
    assert.equal((await trainer.evaluate(parameters)).examples, 6);
  });

  test('is told no rows beyond 2 GiB, and asked for no outputs beyond: the site declines the task', () => {
    const limits = { timeMs: 60_000, memoryBytes: null };
    const open = (rows: typeof site) =>
      createForeignTrainer(task, rows, { command: ['none'], limits, log: () => undefined });
    assert.throws(() => open({ ...site, train: { ...site.train, rows: 2 ** 27 } }), /the rows take \d+ MiB, .* 2048$/);
    const bare = { ...site.test, rows: 2 ** 30, width: 0, labelWidth: 0 };
    assert.throws(() => open({ ...site, test: bare }), /the outputs on the test rows take 4097 MiB/);
  });

  test('is not asked about test rows where there are none', async t => {
    const trainer = odd(t, 'exits at once', { rows: sampleSite(task, { train: 20, test: 0 }) });
    assert.equal((await trainer.evaluate(parameters)).examples, 0);
    assert.deepEqual(trainer.log, []);
  });

  test('that cannot take part in the task says so before it is ready: no failure of a round', async t => {
    const trainer = odd(t, 'unable');
    const error = await failure(trainer.train(request));
    assert.ok(error instanceof UserError && !(error instanceof TrainerFailure));
    assert.match(error.message, /cannot take part in the task: I only know trees/);
  });

  test('is called by its program and files: other arguments may be secrets', () => {
    assert.equal(
      nameOf(['env', 'TOKEN=secret', '/opt/venv/bin/python', '/srv/train.py', '--key', 'x']),
      'trainer env python train.py',
    );
  });

  test('that is not there is named', async () => {
    const command = [join(scratch, 'nothing')];
    const limits = { timeMs: 60_000, memoryBytes: null };
    const trainer = createForeignTrainer(task, site, { command, limits, log: () => undefined });
    assert.match((await failure(trainer.train(request))).message, /^trainer nothing: cannot be started \(ENOENT\)/);
  });

  test('that does not answer is ended when its time is over', async t => {
    const trainer = odd(t, 'silent', { timeMs: 400 });
    assert.match((await failure(trainer.train(request))).message, /did not answer within 0\.4 s/);
  });

  test('that takes more memory than it may is ended', { skip: !showsProcesses && 'not on this platform' }, async t => {
    const trainer = odd(t, 'memory', { memoryBytes: 300 * 2 ** 20 });
    assert.match((await failure(trainer.train(request))).message, /used \d+ MiB of memory, it may use 300 MiB/);
    assert.equal((await trainer.train(request)).examples, 3);
  });

  test('ends with its request when the client stops', async t => {
    const trainer = odd(t, 'silent');
    const controller = new AbortController();
    const asked = failure(trainer.train({ ...request, signal: controller.signal }));
    const reason = new Error('the client stops');
    controller.abort(reason);
    assert.equal(await asked, reason);
  });

  test('ends with the evaluation that it is at when the client stops', async t => {
    const trainer = odd(t, 'never evaluates');
    const controller = new AbortController();
    const asked = failure(trainer.evaluate(parameters, controller.signal));
    const reason = new Error('the client stops');
    controller.abort(reason);
    assert.equal(await asked, reason);
  });

  test('that says something between two requests is not asked the second: it would be the answer', async t => {
    const trainer = odd(t, 'answers twice');
    await trainer.train(request);
    for (let i = 0; i < 500 && !existsSync(join(trainer.folder, 'said twice')); i++) await pause(systemClock, 10);
    await pause(systemClock, 10); // for this process to read what is in the pipe
    assert.match((await failure(trainer.train(request))).message, /said something that nobody had asked for/);
    assert.equal((await trainer.train(request)).examples, 3);
  });

  test('that leaves what cannot be removed takes nobody with it, and it is told', {
    skip: process.getuid?.() === 0 && 'root may remove everything',
  }, async t => {
    const trainer = odd(t, 'locks its folder');
    await trainer.train(request);
    await trainer.close();
    const left = trainer.log.find(({ event }) => event === 'trainer-folder-left')?.detail ?? '';
    const [folder] = left.split(': cannot be removed');
    t.after(() => {
      chmodSync(join(folder, 'locked'), 0o700);
      rmSync(folder, { recursive: true });
    });
    assert.ok(existsSync(folder), left);
  });

  test('that cannot be started, or has no folder to run in, costs a round like every failure', async t => {
    const limits = { timeMs: 60_000, memoryBytes: null };
    const starting = async (argument: string): Promise<Error> => {
      const command = [process.execPath, argument];
      return failure(createForeignTrainer(task, site, { command, limits, log: () => undefined }).train(request));
    };
    const { TMPDIR } = process.env;
    t.after(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    });
    const folder = mkdtempSync(join(scratch, 'empty-'));
    process.env.TMPDIR = folder;
    const tooLong = await starting('x'.repeat(2 ** 22));
    assert.ok(tooLong instanceof TrainerFailure, String(tooLong));
    assert.match(tooLong.message, /cannot be started/);
    assert.deepEqual(readdirSync(folder), [], 'its folder is gone');
    process.env.TMPDIR = join(folder, 'nothing');
    const homeless = await starting('trainer.py');
    assert.ok(homeless instanceof TrainerFailure, String(homeless));
    assert.match(homeless.message, /^trainer node: cannot be started \(ENOENT\)/);
  });

  for (const manner of ['family', 'deaf']) {
    test(`ends with everything it started: ${manner}`, { skip: !showsProcesses && 'not on this platform' }, async t => {
      const trainer = odd(t, manner);
      await trainer.train(request);
      const pids = readFileSync(join(trainer.folder, 'pids'), 'utf8').trim().split('\n').map(Number);
      assert.equal(pids.filter(isRunning).length, 4);
      await trainer.close();
      assert.deepEqual(pids.filter(isRunning), []);
    });
  }

  test('that ends by itself leaves nothing behind that it started', {
    skip: !showsProcesses && 'not on this platform',
  }, async t => {
    const trainer = odd(t, 'abandons its family');
    assert.match((await failure(trainer.train(request))).message, /ended with exit code 7/);
    const pids = readFileSync(join(trainer.folder, 'pids'), 'utf8').trim().split('\n').map(Number);
    assert.equal(pids.length, 4);
    // They were killed when it ended; the system takes a moment.
    for (let i = 0; i < 500 && pids.some(isRunning); i++) await pause(systemClock, 10);
    assert.deepEqual(pids.filter(isRunning), []);
  });

  test('sees no variable of ours but where programs are, and a folder of its own that is gone with it', async t => {
    const trainer = odd(t, 'shows its surroundings');
    process.env.PARLEY_TEST_SECRET = 'token';
    await trainer.train(request);
    delete process.env.PARLEY_TEST_SECRET;
    const said = trainer.log.find(({ event }) => event === 'trainer-said');
    const { names, folder, home } = JSON.parse(said?.detail ?? '');
    assert.equal(home, folder);
    assert.notEqual(folder, process.cwd());
    const allowed = ['HOME', 'LANG', 'PATH', 'TEMP', 'TMP', 'TMPDIR', 'SystemRoot', 'PATHEXT'];
    assert.deepEqual(
      names.filter((name: string) => !allowed.includes(name)),
      [],
    );
    assert.ok(existsSync(folder));
    await trainer.close();
    assert.ok(!existsSync(folder));
  });

  test('may flood standard error: the log gets so many short lines without control characters, and a number', async t => {
    const trainer = odd(t, 'flood');
    assert.equal((await trainer.train(request)).examples, 3);
    const said = trainer.log.flatMap(({ event, detail }) => (event === 'trainer-said' ? [detail ?? ''] : []));
    assert.ok(said.length <= 2 * 51, String(said.length));
    assert.ok(said.every(line => line.length <= 400 && !line.includes('\u001b')));
    assert.ok(said.some(line => /^\(\d+ more lines were left out\)$/.test(line)));
  });

  test('gets one request after the other, whoever asks', async t => {
    const trainer = odd(t, 'none');
    const results = await Promise.all([trainer.train(request), trainer.evaluate(parameters), trainer.train(request)]);
    assert.deepEqual(
      results.map(({ examples }) => examples),
      [3, 6, 3],
    );
  });
});
