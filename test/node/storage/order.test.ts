import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../../storage/scratch.ts';

const calls = 'write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat';
const skip =
  spawnSync('strace', ['-o', '/dev/null', '-e', 'trace=none', 'true']).status !== 0 && 'strace cannot trace here';

/** One system call that has returned: its name and what was in its parentheses. */
interface Call {
  readonly name: string;
  readonly args: string;
}

test('each commit is one fsync of the log, after the last byte of it and before the acknowledgement', { skip }, t => {
  const { spans } = traced(t);
  for (const [i, span] of spans.slice(1, 11).entries()) {
    const log = span.filter(call => call.args.includes('state.sqlite-wal'));
    const syncs = log.filter(isSync);
    assert.ok(
      log.some(call => call.name.includes('write')),
      `commit ${i} writes the log`,
    );
    assert.equal(syncs.length, 1, `commit ${i}`);
    assert.ok(isSync(log[log.length - 1]), `commit ${i} syncs last`);
    assert.deepEqual(
      span.filter(call => isSync(call) && !log.includes(call)),
      [],
      `commit ${i} syncs nothing else`,
    );
  }
});

test('a blob is written, synced, renamed, its folder synced, in this order before the acknowledgement', { skip }, t => {
  const { spans, folder } = traced(t);
  const blobs = join(folder, 'blobs');
  const span = spans[11].filter(call => call.args.includes(blobs));
  const place = (what: string, found: (call: Call) => boolean): number => {
    const index = span.findLastIndex(found);
    assert.notEqual(index, -1, `${what}: ${JSON.stringify(span)}`);
    return index;
  };
  const inTemporary = (call: Call): boolean => call.args.includes('/~incomplete/');
  const written = place('write', call => call.name.includes('write') && inTemporary(call));
  const synced = place('fsync', call => isSync(call) && inTemporary(call));
  const renamed = place('rename', call => call.name.startsWith('rename') && call.args.includes('t/model'));
  const folderSynced = place('fsync of the folder', call => isSync(call) && call.args.includes(`${blobs}/t>`));
  const parentSynced = place('fsync of the folder above', call => isSync(call) && call.args.includes(`${blobs}>`));
  assert.ok(written < synced && synced < renamed && renamed < folderSynced, JSON.stringify(span));
  assert.ok(place('mkdir', call => call.name.startsWith('mkdir')) < parentSynced);
});

/** System calls of `order-child.ts` between its marks. */
function traced(t: TestContext): { spans: Call[][]; folder: string } {
  const folder = realpathSync(scratch(t));
  const log = join(folder, 'trace');
  const child = [process.execPath, join(import.meta.dirname, 'order-child.ts'), folder];
  const run = spawnSync('strace', ['-f', '-y', '-s', '16', '-e', `trace=${calls}`, '-o', log, ...child], {
    encoding: 'utf8',
  });
  assert.equal(run.stdout, 'mark\n'.repeat(12), run.stderr);
  const spans: Call[][] = [[]];
  for (const call of completed(readFileSync(log, 'utf8'))) {
    if (call.args.includes('"mark\\n"')) spans.push([]);
    else spans[spans.length - 1].push(call);
  }
  return { spans, folder };
}

/** The calls of a trace in the order in which they returned: strace splits those that another thread interrupts. */
function* completed(trace: string): Generator<Call> {
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest === undefined || rest.startsWith('+++') || rest.startsWith('---')) continue;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const unfinished = rest.endsWith('<unfinished ...>');
    if (unfinished) begun.set(thread, rest.slice(0, -'<unfinished ...>'.length));
    else {
      const whole = resumed === null ? rest : `${begun.get(thread)}${resumed[1]}`;
      const [, name, args] = /^(\w+)\((.*)/.exec(whole) ?? assert.fail(line);
      yield { name, args };
    }
  }
}

function isSync(call: Call): boolean {
  return call.name === 'fsync' || call.name === 'fdatasync';
}
