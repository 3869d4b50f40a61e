/** A trainer in another language than Python that keeps the protocol, but for the one manner it is told: node odd-trainer.ts MANNER FOLDER. */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Tensors = Record<string, { dtype: string; shape: number[]; data: Buffer }>;

const [manner, folder] = process.argv.slice(2);
/** It behaves from its second life on. */
const isFirst = folder === undefined || !existsSync(join(folder, 'lived'));
if (folder !== undefined) writeFileSync(join(folder, 'lived'), '');
const odd = (name: string): boolean => isFirst && manner === name;

let held = Buffer.alloc(0);
let manifest: { name: string; shape: number[] }[] = [];
let testRows = 0;

if (odd('early')) process.stdout.write('hello?\n');
if (odd('exits at once')) {
  process.stderr.write('Traceback\n  no luck today\n');
  process.exit(3);
}
process.stdin.on('data', chunk => {
  held = Buffer.concat([held, chunk]);
  for (;;) {
    const end = held.indexOf(10);
    if (end === -1) return;
    const line = JSON.parse(held.toString('utf8', 0, end));
    if (held.length < end + 1 + line.bytes) return;
    const body = Buffer.from(held.subarray(end + 1, end + 1 + line.bytes));
    held = held.subarray(end + 1 + line.bytes);
    answer(line, read(body));
  }
});
// Without this line Node would end at the end of its input anyway; it says that a trainer must.
process.stdin.on('end', () => (odd('deaf') ? undefined : process.exit(0)));

function answer(line: { type: string; parameters: typeof manifest }, tensors: Tensors): void {
  if (line.type === 'hello') {
    manifest = line.parameters;
    testRows = tensors['test.features'].shape[0];
    beforeReady();
    if (odd('silent')) return;
    if (odd('other version')) return say({ type: 'ready', protocol: 2, name: 'odd' });
    if (odd('unable')) return say({ type: 'error', message: 'I only know trees' });
    return say({ type: 'ready', protocol: 1, name: 'odd' });
  }
  if (line.type === 'evaluate') {
    if (odd('never evaluates')) return;
    const rows = odd('few outputs') ? testRows - 1 : testRows;
    return sayTensors({ type: 'evaluated' }, { outputs: { shape: [rows, 1], values: new Float32Array(rows) } });
  }
  train(tensors);
}

function train(tensors: Tensors): void {
  const trained = manifest.map(({ name, shape }) => {
    const { data } = tensors[name];
    const values = Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i) + 0.5);
    return [name, { shape, values }] as const;
  });
  const named: Record<string, { shape: number[]; values: Float32Array }> = Object.fromEntries(trained.toReversed());
  const [first] = Object.keys(named);
  const sizes = tensors['batches.sizes'].shape[0];
  const head: Record<string, unknown> = { type: 'trained', examples: 3, steps: sizes, loss: 0.25 };
  if (odd('garbage')) return void process.stdout.write('Epoch 1/10\n');
  if (odd('not UTF-8')) return void process.stdout.write(Buffer.from([0xff, 0xfe, 10]));
  if (odd('endless line')) return void process.stdout.write('x'.repeat(1_000_000));
  if (odd('no answer')) return say({ type: 'trained' });
  if (odd('wrong answer')) return say({ type: 'ready', protocol: 1, name: 'odd' });
  if (odd('error')) return say({ type: 'error', message: 'out of patience' });
  if (odd('too many bytes')) return say({ ...head, bytes: 1e15 });
  if (odd('exits') || odd('abandons its family')) process.exit(7);
  if (odd('closes')) return void process.stdout.end();
  if (odd('NaN')) named[first].values[0] = Number.NaN;
  if (odd('infinite loss'))
    return void process.stdout.write('{"type":"trained","bytes":8,"examples":1,"steps":1,"loss":1e999}\n');
  if (odd('tensor missing')) delete named[first];
  if (odd('tensor more')) named.more = { shape: [1], values: new Float32Array(1) };
  if (odd('other shape')) named[first].shape = [1, ...named[first].shape];
  if (odd('other type')) return sayTensors(head, named, 'I32');
  if (odd('many examples')) head.examples = 1e6;
  if (odd('no examples')) head.examples = 0;
  if (odd('half an answer')) {
    say({ ...head, bytes: 1000 });
    return void process.stdout.write('half', () => process.exit(0));
  }
  if (odd('memory')) {
    const hog = Buffer.alloc(400 * 2 ** 20, 1);
    return void setTimeout(() => process.stderr.write(String(hog[0])), 60_000);
  }
  sayTensors(head, named);
  if (odd('talks on')) process.stdout.write('and another thing\n');
  // Once the answer has been read: the next request would take it for its own.
  if (odd('answers twice'))
    setTimeout(() => {
      sayTensors(head, named);
      process.stdout.write('', () => writeFileSync(join(folder, 'said twice'), ''));
    }, 100);
}

/** What it does beside the protocol. */
function beforeReady(): void {
  if (odd('shows its surroundings')) {
    process.stderr.write(
      `${JSON.stringify({ names: Object.keys(process.env).sort(), folder: process.cwd(), home: process.env.HOME })}\n`,
    );
  }
  if (odd('flood')) for (let i = 0; i < 20_000; i++) process.stderr.write(`${'line '.repeat(200)}\u001b[31m${i}\n`);
  if (odd('locks its folder')) {
    mkdirSync('locked');
    writeFileSync('locked/file', '');
    chmodSync('locked', 0);
  }
  if (odd('deaf')) process.on('SIGTERM', () => undefined);
  if (odd('deaf')) setInterval(() => undefined, 1000);
  if (odd('family') || odd('deaf') || odd('abandons its family')) {
    tellPid(process.pid);
    const wait = ['-e', 'setInterval(() => undefined, 1000)'];
    for (const detached of [false, true]) tellPid(spawn(process.execPath, wait, { stdio: 'inherit', detached }).pid);
    // A daemon: its parent ends at once, so that nobody in /proc says whose it is.
    const settings = "{ stdio: 'ignore', detached: true }";
    const start = `const { spawn } = require('child_process'); const daemon = spawn(process.execPath, ${JSON.stringify(wait)}, ${settings});`;
    const script = `${start} daemon.unref(); console.log(daemon.pid)`;
    tellPid(Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })));
  }
}

function tellPid(pid: number | undefined): void {
  appendFileSync(join(folder, 'pids'), `${pid}\n`);
}

function say(head: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(head)}\n`);
}

function sayTensors(
  head: Record<string, unknown>,
  tensors: Record<string, { shape: number[]; values: Float32Array }>,
  dtype = 'F32',
): void {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + 4 * values.length] };
    at += 4 * values.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const body = Buffer.concat([length, text, ...Object.values(tensors).map(({ values }) => Buffer.from(values.buffer))]);
  say({ ...head, bytes: body.length });
  process.stdout.write(body);
}

function read(body: Buffer): Tensors {
  const start = 8 + Number(body.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    body.toString('utf8', 8, start),
  );
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [name, { dtype, shape, data: body.subarray(start + begin, start + end) }],
    ),
  );
}
