/** Four clients and a coordinator over real sockets, one client with a foreign trainer: the same model, and a failure costs it a round. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { generateClinics } from '../../src/core/data/clinics.ts';
import { heartFiles } from '../../src/core/data/heart.ts';
import { pause } from '../../src/core/protocol/ports.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { systemClock } from '../../src/node/clock.ts';
import { type ForeignTrainers, foreignTrainers } from '../../src/node/trainer/foreign-trainers.ts';
import { heartFolder } from '../learning/heart.ts';
import { referenceTrainer } from '../node/trainer/python.ts';
import { copyOf, type Enrolled, enrol } from './enrolled.ts';
import { type LocalClient, startClient, startCoordinator } from './local.ts';
import { type Operator, operatorOf } from './operator.ts';
import { smallTask } from './small-task.ts';

const root = join(import.meta.dirname, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'parley-foreign-'));
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }));

/** The four hospitals where the data is there, else invented clinics of the same form. */
const tables =
  heartFolder === null
    ? generateClinics(9).map(({ name, text }) => ({ name, text }))
    : heartFiles.map(({ site, file }) => ({ name: site, text: readFileSync(join(heartFolder ?? '', file), 'utf8') }));
const names = tables.map(({ name }) => name).sort();

function heartTask(): Task {
  const example = parse(readFileSync(join(root, 'examples', 'heart.task.yaml'), 'utf8'));
  return parseTask({ ...example, protection: 'inspect', evaluation: { everyRounds: 1, pooledAucBins: 1000 } });
}

interface Running {
  readonly operator: Operator;
  readonly clients: ReadonlyMap<string, LocalClient>;
}

/** Runs all parties; the client of this name trains with the command, the others with our engine. */
async function start(stack: AsyncDisposableStack, enrolled: Enrolled, name = '', command: readonly string[] = []) {
  await startCoordinator(stack, enrolled);
  const clients = enrolled.clients.map(client => {
    let foreign: ForeignTrainers | undefined;
    if (client === name) {
      const limits = { timeMs: 120_000, memoryBytes: null };
      const opened = foreignTrainers({ command, limits, log: () => undefined });
      stack.defer(() => opened.close());
      foreign = opened;
    }
    return [client, startClient(stack, enrolled, client, foreign?.open)] as const;
  });
  const operator = await operatorOf(enrolled, stack);
  await operator.present(enrolled.clients);
  return { operator, clients: new Map(clients) } satisfies Running;
}

describe('the heart federation', () => {
  const folder = join(scratch, 'enrolled');
  let enrolled: Enrolled;
  let own: Float32Array;

  async function finalModel(name?: string, command?: readonly string[]): Promise<Float32Array> {
    await using stack = new AsyncDisposableStack();
    const copy = await copyOf(
      enrolled,
      join(scratch, `run-${name === undefined ? 'own' : command?.at(-1)?.slice(-20)}`),
    );
    const { operator, clients } = await start(stack, copy, name, command);
    const run = await operator.submit(heartTask());
    const { status } = await operator.outcome(run);
    assert.ok(status.reports.every(report => report.dropped.length === 0));
    for (const client of clients.values()) assert.ok(!client.log.some(({ level }) => level === 'error'));
    return decodeSafetensors(await operator.channel.bytes(`/v1/runs/${run}/artifact`)).parameters;
  }

  before(async () => {
    enrolled = await enrol(folder, names);
    for (const { name, text } of tables) writeFileSync(enrolled.tablePath(name), text);
    own = await finalModel();
  });

  for (const kind of ['torch', 'numpy'] as const) {
    const { command, skip } = referenceTrainer(kind);
    test(`comes to the same model within 1e-4 when one of four trains with ${kind}`, { skip }, async context => {
      const foreign = await finalModel(names[0], command);
      const difference = own.reduce((most, value, i) => Math.max(most, Math.abs(value - foreign[i])), 0);
      context.diagnostic(`largest difference ${difference}`);
      assert.ok(difference <= 1e-4, String(difference));
      assert.ok(
        own.some(value => Math.abs(value) > 0.1),
        'there is something to compare',
      );
    });
  }
});

test('a trainer that fails costs its client the round; in the next one it takes part, with a fresh process', async () => {
  const clients = ['anna', 'bert', 'cora'];
  const enrolled = await enrol(join(scratch, 'odd'), clients);
  await using stack = new AsyncDisposableStack();
  const odd = join(root, 'test', 'node', 'trainer', 'odd-trainer.ts');
  const { operator, clients: running } = await start(stack, enrolled, 'bert', [
    process.execPath,
    odd,
    'exits',
    enrolled.folder,
  ]);
  const { status } = await operator.outcome(await operator.submit(smallTask({ minimum: 2, rounds: 3 })));
  assert.deepEqual(
    status.reports.map(({ combined }) => combined),
    [['anna', 'cora'], clients, clients],
  );
  const failures = running.get('bert')?.log.filter(({ event }) => event === 'trainer-failed') ?? [];
  assert.equal(failures.length, 1);
  assert.match(failures[0].detail ?? '', /^trainer node odd-trainer\.ts \S+: ended with exit code 7.* → /);
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  const skip = process.platform !== 'linux' && 'reads /proc';
  test(`a client that ends by ${signal} leaves no trainer behind`, { skip }, async () => {
    const enrolled = await enrol(join(scratch, signal), ['anna']);
    await using stack = new AsyncDisposableStack();
    await startCoordinator(stack, enrolled);
    const odd = join(root, 'test', 'node', 'trainer', 'odd-trainer.ts');
    const command = JSON.stringify([process.execPath, odd, 'family', enrolled.folder]);
    const home = ['--home', enrolled.memberHome('anna')];
    const args = ['client', ...home, '--data', enrolled.tablePath('anna'), '--trainer', command];
    const client = spawn(process.execPath, [join(root, 'src', 'cli', 'main.ts'), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TMPDIR: scratch }, // a client that is killed cannot clear up
    });
    stack.defer(() => void client.kill('SIGKILL'));
    const operator = await operatorOf(enrolled, stack);
    await operator.submit(smallTask({ minimum: 1, rounds: 1_000_000 }));
    await said(client.stderr, 'trainer-ready');
    const pids = readFileSync(join(enrolled.folder, 'pids'), 'utf8').trim().split('\n').map(Number);
    const [trainer] = pids;
    assert.equal(pids.filter(isRunning).length, 4);
    const ended = once(client, 'exit');
    client.kill(signal);
    await ended;
    // Killed outright, a client can tell nobody: the trainer sees the end of its input; what it started is its own to end.
    const left = signal === 'SIGKILL' ? [trainer] : pids;
    if (signal === 'SIGKILL') for (let i = 0; i < 500 && isRunning(trainer); i++) await pause(systemClock, 20);
    assert.deepEqual(left.filter(isRunning), []);
    for (const pid of pids.filter(isRunning)) process.kill(pid, 'SIGKILL');
  });
}

function said(stream: Readable, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', chunk => {
      text += chunk;
      if (text.includes(`"event":"${event}"`)) resolve();
    });
    stream.once('close', () => reject(new Error(text)));
  });
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
