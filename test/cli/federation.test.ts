import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { generateClinics } from '../../src/core/data/clinics.ts';
import { freePorts } from '../../src/node/free-ports.ts';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'src', 'cli', 'main.ts');
const example = parse(readFileSync(join(root, 'examples', 'heart.task.yaml'), 'utf8'));

const folder = mkdtempSync(join(tmpdir(), 'parley-by-hand-'));
const home = join(folder, 'federation');
const running: ChildProcess[] = [];
const clinics = generateClinics(9).slice(0, 2);

function parley(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: folder, timeout: 60_000 });
}

function must(...args: string[]): string {
  const { status, stdout, stderr } = parley(...args);
  assert.equal(status, 0, `parley ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Starts a command that runs on, and waits for an event in its log. */
function start(event: string, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'ignore', 'pipe'], cwd: folder });
  running.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', chunk => {
      text += chunk;
      if (event === '' || text.includes(`"event":"${event}"`)) resolve();
    });
    child.once('exit', code => reject(new Error(`${args[0]} ended with ${code}: ${text}`)));
    if (event === '') resolve();
  });
}

/** True when nobody listens on the port. */
function freed(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

function taskFile(name: string, changes: object): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, stringify({ ...example, name, protection: 'inspect', ...changes }));
  return path;
}

before(async () => {
  const [port, authorityPort] = await freePorts(2);
  must(
    'init',
    '--home',
    home,
    '--federation',
    'by-hand',
    '--port',
    String(port),
    '--authority-port',
    String(authorityPort),
  );
  await start('listening', 'coordinator', '--home', home, '--with-parent');
  for (const { name, file, text } of clinics) {
    const invitation = JSON.parse(must('invite', name, '--home', home, '--json'));
    writeFileSync(join(folder, 'token'), invitation.token);
    must(
      'join',
      `https://localhost:${authorityPort}`,
      '--token-file',
      join(folder, 'token'),
      '--home',
      join(folder, name),
    );
    writeFileSync(join(folder, file), text);
    const data = ['--data', join(folder, file)];
    await start('', 'client', '--home', join(folder, name), ...data, '--threads', '2', '--with-parent');
  }
});

after(async () => {
  for (const child of running) child.kill('SIGTERM');
  await Promise.all(
    running.map(child => child.exitCode ?? child.signalCode ?? new Promise(resolve => child.once('exit', resolve))),
  );
  rmSync(folder, { recursive: true, force: true });
});

test('a run goes from task file to model file, and taking it up again changes nothing', () => {
  // Minibatches of two parts, one for each thread of the clients.
  const training = { ...example.training, batchSize: 100 };
  const task = taskFile('first', { rounds: 3, cohort: { minimum: 2 }, training });
  const model = join(folder, 'first.safetensors');
  const result = JSON.parse(must('run', task, '--home', home, '--output', model, '--json'));
  assert.equal(result.phase, 'finished');
  assert.equal(result.artifact, model);
  assert.deepEqual(
    result.reports.map((report: { round: number }) => report.round),
    [1, 2, 3],
  );
  assert.deepEqual(
    result.clients.map((c: { client: string }) => c.client),
    clinics.map(c => c.name).sort(),
  );
  const bytes = readFileSync(model);
  const again = must('run', task, '--home', home, '--output', model);
  assert.match(again, /mean of clients/);
  assert.deepEqual(readFileSync(model), bytes);
  const runs = JSON.parse(must('runs', '--home', home, '--json'));
  const [first, ...more] = runs.filter((run: { name: string }) => run.name === 'first');
  assert.equal(more.length, 0);
  assert.deepEqual(Object.keys(first), [
    ...['task', 'name', 'phase', 'round', 'rounds', 'parameters', 'submittedAt', 'finishedAt'],
  ]);
  assert.deepEqual([first.phase, first.round, first.rounds], ['finished', 3, 3]);
});

test('predict says which rows it leaves out and why, and refuses a table without any other', () => {
  const model = join(folder, 'first.safetensors');
  const predict = (path: string) => JSON.parse(must('predict', '--model', model, '--data', path, '--json'));
  const lines = clinics[0].text.trim().split('\n');
  const whole = lines[predict(join(folder, clinics[0].file)).predictions[0].row - 1];
  const spoilt = whole.replace(/^[^,]*/, 'old');
  const some = join(folder, 'some.csv');
  writeFileSync(some, `${whole}\n${spoilt}\n`);
  const { predictions, leftOut } = predict(some);
  assert.equal(predictions.length, 1);
  assert.equal(leftOut.length, 1);
  assert.deepEqual([leftOut[0].row, leftOut[0].column], [2, 'age']);
  assert.match(leftOut[0].what, /number/);
  const none = join(folder, 'none.csv');
  writeFileSync(none, `${spoilt}\n`);
  const refused = parley('predict', '--model', model, '--data', none, '--json');
  assert.deepEqual([refused.status, refused.stdout], [2, '']);
  assert.match(refused.stderr, /none\.csv: none of its 1 rows can be predicted\n→ /);
});

test('predict names the file that it cannot write', () => {
  const table = join(folder, clinics[0].file);
  const output = join(folder, 'no-such-folder', 'out.csv');
  const model = join(folder, 'first.safetensors');
  const { status, stderr } = parley('predict', '--model', model, '--data', table, '--output', output);
  assert.equal(status, 2);
  assert.ok(
    stderr.includes(`parley: ${output}: cannot be written (ENOENT)\n→ Name another file with --output.`),
    stderr,
  );
});

test('status says why a run waits, and stop ends it', () => {
  const task = taskFile('too-many', { rounds: 2, cohort: { minimum: 5 } });
  must('run', task, '--home', home, '--detach');
  assert.match(must('status', 'too-many', '--home', home), /waits for enough clients: needs 5, present 2: /);
  assert.match(must('stop', 'too-many', '--home', home), /stopped/);
  assert.match(must('runs', '--home', home), /too-many +stopped/);
});

test('run says once, away from a terminal, how many clients it waits for and who is there', async () => {
  const task = taskFile('lonely', { rounds: 2, cohort: { minimum: 5 } });
  const child = spawn(process.execPath, [main, 'run', task, '--home', home], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: folder,
  });
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
    if (/ waits /.test(stderr)) child.kill('SIGINT');
  });
  await once(child, 'close');
  must('stop', 'lonely', '--home', home);
  const names = clinics.map(c => c.name).sort();
  assert.deepEqual(
    stderr.split('\n').filter(line => line.includes(' waits ')),
    [`round 1/2 waits for enough clients: needs 5, present 2: ${names.join(', ')}`],
  );
});

test('a stopped run keeps the model of its last round', () => {
  const task = taskFile('long', { rounds: 100_000, cohort: { minimum: 2 } });
  must('run', task, '--home', home, '--detach');
  for (let tries = 0; tries < 100; tries++) {
    const { run } = JSON.parse(must('status', 'long', '--home', home, '--json'));
    if (run.round > 3) break;
  }
  must('stop', 'long', '--home', home);
  const model = join(folder, 'long.safetensors');
  const { status, stdout, stderr } = parley('run', task, '--home', home, '--output', model);
  assert.equal(status, 1);
  assert.match(stdout, /model: /);
  assert.match(stderr, /this run was stopped.*\n→ .*name or seed/);
  assert.ok(existsSync(model));
});

test('a coordinator whose port is taken ends, names the port, and leaves no authority behind', async t => {
  const taken = createServer();
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const [authorityPort] = await freePorts(1);
  const other = join(folder, 'other');
  must('init', '--home', other, '--port', String(port), '--authority-port', String(authorityPort));
  const { status, signal, stderr } = spawnSync(process.execPath, [main, 'coordinator', '--home', other], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 20_000,
  });
  assert.equal(signal, null, 'it ended by itself');
  assert.equal(status, 2, stderr);
  assert.match(stderr, new RegExp(`parley: .*:${port}: this port is in use\n→ `));
  assert.deepEqual(await freed(authorityPort), true, 'the authority ended with it');
});

test('Ctrl-C ends following, not the run', async () => {
  const task = taskFile('followed', { rounds: 100_000, cohort: { minimum: 2 } });
  const child = spawn(process.execPath, [main, 'run', task, '--home', home], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: folder,
  });
  let interrupted = false;
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
    // Once: a second one ends the process without another word.
    if (!interrupted && /round +2\//.test(stderr)) interrupted = child.kill('SIGINT');
  });
  const [code] = await once(child, 'exit');
  // Before anything is judged: a run that goes on would keep the next one waiting.
  const stopped = must('stop', 'followed', '--home', home);
  assert.equal(code, 130, stderr);
  assert.match(stderr, /the run goes on\n→ .*same command.*parley status.*parley stop/);
  assert.match(stopped, /stopped/);
});

test('a task with errors is refused before anything is sent, each error with its path', () => {
  const task = taskFile('wrong', { rounds: 0, protection: 'validated', cohort: { minimum: 2, deadline: 3 } });
  const { status, stderr } = parley('run', task, '--home', home);
  assert.equal(status, 2);
  for (const part of ['rounds', 'cohort.deadline', '"validated" is not built in this version'])
    assert.ok(stderr.includes(part), `${part} in ${stderr}`);
});

test('a revoked member is out at once, and the others go on', () => {
  const [{ name }, other] = clinics;
  must('revoke', name, '--home', home);
  for (let tries = 0; tries < 100; tries++) {
    if (!JSON.parse(must('status', '--home', home, '--json')).present.includes(name)) break;
  }
  assert.deepEqual(JSON.parse(must('status', '--home', home, '--json')).present, [other.name]);
  const task = taskFile('without', { rounds: 2, cohort: { minimum: 1 } });
  const result = JSON.parse(must('run', task, '--home', home, '--json'));
  assert.deepEqual(
    result.clients.map((c: { client: string }) => c.client),
    [other.name],
  );
});

test('without a coordinator the operator is told what to do', () => {
  const lost = join(folder, 'lost');
  must('init', '--home', lost, '--port', '1', '--authority-port', '2');
  const { status, stderr } = parley('status', '--home', lost);
  assert.equal(status, 2);
  assert.match(stderr, /parley coordinator --home/);
});

test('a coordinator of another federation is told apart from one that is down', () => {
  const [port, authorityPort] = JSON.parse(readFileSync(join(home, 'federation.json'), 'utf8'))
    .coordinatorUrl.match(/\d+$/)
    .concat('2');
  const stranger = join(folder, 'stranger');
  must('init', '--home', stranger, '--port', port, '--authority-port', authorityPort);
  const { status, stderr } = parley('status', '--home', stranger);
  assert.equal(status, 2, stderr);
  assert.match(stderr, /the coordinator does not answer \(.*certificate.*\)\n→ Check the clock .*stranger is the home/);
});

test('whoever hangs up on the operator is no defect of ours', async t => {
  const server = createServer(socket => socket.destroy());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const silent = join(folder, 'silent');
  must('init', '--home', silent, '--port', String(port), '--authority-port', '2');
  const child = spawn(process.execPath, [main, 'runs', '--home', silent], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 2, stderr);
  assert.match(stderr, /the coordinator does not answer \(.+\)\n→ Start it: parley coordinator --home .*firewall/);
});

test('an authority by itself logs to a file; a client whose coordinator never answered says so with its address', async () => {
  const alone = join(folder, 'alone');
  const member = join(folder, 'alone-member');
  const [port, authorityPort] = await freePorts(2);
  const ports = ['--port', String(port), '--authority-port', String(authorityPort)];
  const { coordinatorUrl, authorityUrl, home: made } = JSON.parse(must('init', '--home', alone, ...ports, '--json'));
  assert.deepEqual([made, coordinatorUrl], [alone, `https://localhost:${port}`]);
  const log = join(folder, 'authority.log');
  await start('', 'authority', '--home', alone, '--log', log);
  writeFileSync(join(folder, 'token'), JSON.parse(must('invite', 'anna', '--home', alone, '--json')).token);
  let joined = parley('join', authorityUrl, '--token-file', join(folder, 'token'), '--home', member);
  for (let tries = 0; joined.status !== 0 && tries < 20; tries++) {
    joined = parley('join', authorityUrl, '--token-file', join(folder, 'token'), '--home', member);
  }
  assert.ok(joined.stdout.endsWith(`parley client --home ${member} --data FILE\n`), joined.stdout + joined.stderr);
  assert.match(readFileSync(log, 'utf8'), /^\{"time":"[^"]+","event":"/);

  const client = spawn(process.execPath, [main, 'client', '--home', member, '--data', join(folder, clinics[0].file)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  client.stderr.on('data', chunk => {
    said += chunk;
    if (said.includes('\n')) client.kill('SIGTERM');
  });
  await once(client, 'close');
  const { event, detail } = JSON.parse(said.split('\n')[0]);
  assert.equal(event, 'coordinator-unreachable');
  assert.ok(detail.startsWith(`${coordinatorUrl}: `), detail);
});
