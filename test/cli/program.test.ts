import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import { type CommandEntry, commands } from '../../src/cli/commands.ts';
import { runProgram } from '../../src/cli/program.ts';
import { UserError } from '../../src/core/protocol/problem.ts';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'src', 'cli', 'main.ts');
const scratch = mkdtempSync(join(tmpdir(), 'parley-cli-'));
after(() => rmSync(scratch, { recursive: true }));

function parley(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env: { ...process.env, PARLEY_DEBUG: '' } });
}

const entry = (load: () => Command): CommandEntry => ({ group: 'Tests:', summary: 'a test', load: async () => load() });

test('--help names every command of the table and loads none', () => {
  const { status, stdout, stderr } = parley('--help');
  assert.equal(status, 0);
  assert.equal(stderr, '');
  for (const [name, { summary }] of Object.entries(commands)) {
    assert.match(stdout, new RegExp(`^ {2}${name} +${summary.split(' ')[0]}`, 'm'));
  }
});

test('no heading of a help page stands twice', () => {
  for (const args of [['--help'], ['data', '--help']]) {
    const headings: string[] = parley(...args).stdout.match(/^[A-Z].*:$/gm) ?? [];
    assert.ok(headings.includes('Options:') && headings.includes('Help:'), args.join(' '));
    assert.equal(new Set(headings).size, headings.length, headings.join());
  }
});

test('started by npm, paths are meant from where the user stands', () => {
  const start = (event: string) =>
    spawnSync(process.execPath, [main, 'task', 'check', 'here.yaml'], {
      encoding: 'utf8',
      cwd: root,
      env: { ...process.env, INIT_CWD: scratch, npm_lifecycle_event: event },
    }).stderr;
  writeFileSync(join(scratch, 'here.yaml'), '# nothing\n');
  assert.match(start('parley'), /here\.yaml: is empty/);
  assert.match(start('test'), /here\.yaml: there is no such file/);
});

test('a client without its data ends at once and names the path', () => {
  for (const [path, what] of [
    [join(scratch, 'nofile.csv'), 'there is no such file'],
    [scratch, 'is a folder'],
  ]) {
    const { status, stderr } = parley('client', '--home', join(scratch, 'no-member'), '--data', path);
    assert.equal(status, 2);
    assert.ok(stderr.startsWith(`parley: ${path}: ${what}\n→ `), stderr);
  }
});

test('every command of the table loads under its own name and has a description', async () => {
  for (const [name, { load }] of Object.entries(commands)) {
    const command = await load();
    assert.equal(command.name(), name);
    assert.notEqual(command.description(), '', name);
  }
});

test('only the requested command is loaded', async () => {
  const loaded: string[] = [];
  const table = Object.fromEntries(
    ['one', 'two'].map(name => [
      name,
      entry(() => {
        loaded.push(name);
        return new Command(name).action(() => {});
      }),
    ]),
  );
  assert.equal(await runProgram(['two'], table), 0);
  assert.deepEqual(loaded, ['two']);
});

test('a command line that cannot be understood exits with 2, says why on stderr and where help is', () => {
  const cases: [string[], RegExp][] = [
    [['no-such-command'], /^parley: unknown command 'no-such-command'\n→ See: parley --help\n$/],
    [['help', 'bogus'], /^parley: unknown command 'bogus'\n→ See: parley --help\n$/],
    [['conformence'], /Did you mean conformance\?/],
    [['conformance'], /^parley: missing required argument 'file'\n→ See: parley conformance --help\n$/],
    [['conformance', '--jsn', 'x'], /unknown option '--jsn'/],
    [['bench', 'no-such-suite'], /Allowed choices are accuracy, aggregation, byzfl, learning, privacy, rounds/],
    [['--no-such-option'], /unknown option/],
  ];
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = parley(...args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});

test('a failure of a command becomes its exit code, that of a nested command too', async () => {
  const failing = () => {
    throw new UserError('here', 'this is wrong', 'Do that.');
  };
  const stderr: string[] = [];
  const write = process.stderr.write;
  process.stderr.write = (text: string | Uint8Array) => stderr.push(String(text)) > 0;
  try {
    const table = {
      one: entry(() => new Command('one').action(failing)),
      two: entry(() => {
        const command = new Command('two');
        command.command('inner').requiredOption('--must <x>').action(failing);
        return command;
      }),
    };
    assert.equal(await runProgram(['one'], table), 2);
    assert.equal(await runProgram(['two', 'inner', '--must', 'x'], table), 2);
    assert.equal(await runProgram(['two', 'inner'], table), 2);
  } finally {
    process.stderr.write = write;
  }
  assert.deepEqual(stderr.join('').split('\n'), [
    ...['parley: here: this is wrong', '→ Do that.', 'parley: here: this is wrong', '→ Do that.'],
    ...["parley: required option '--must <x>' not specified", '→ See: parley two inner --help', ''],
  ]);
});

const aead = {
  algorithm: 'CHACHA20-POLY1305',
  schema: 'aead',
  testGroups: [
    {
      type: 'AeadTest',
      ivSize: 96,
      keySize: 256,
      // RFC 8439 §2.8.2
      tests: [
        {
          tcId: 1,
          result: 'valid',
          key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
          iv: '070000004041424344454647',
          aad: '50515253c0c1c2c3c4c5c6c7',
          msg: Buffer.from(
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
          ).toString('hex'),
          ct:
            'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
            '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116',
          tag: '1ae10b594f09e26a7e902ecbd0600691',
        },
      ],
    },
  ],
};

function vectorFile(name: string, value: unknown): string {
  const path = join(scratch, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

test('conformance exits 0 and prints the promised document when nothing failed', () => {
  const { status, stdout, stderr } = parley('conformance', '--json', vectorFile('aead_test.json', aead));
  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(JSON.parse(stdout), {
    passed: 1,
    failed: 0,
    unsupported: 0,
    groups: { 'wycheproof/aead': { passed: 1, failed: 0, unsupported: 0 } },
    failures: [],
  });
});

test('conformance exits 1 when a case failed, and names it', () => {
  const wrong = structuredClone(aead);
  wrong.testGroups[0].tests[0].msg = '00';
  const path = vectorFile('wrong_test.json', wrong);
  const asText = parley('conformance', path);
  assert.equal(asText.status, 1);
  assert.match(asText.stdout, /^failed: wycheproof\/wrong\/tc1$/m);
  const asJson = parley('conformance', path, '--json');
  assert.equal(asJson.status, 1);
  assert.deepEqual(
    JSON.parse(asJson.stdout).failures.map((failure: { id: string }) => failure.id),
    ['wycheproof/wrong/tc1'],
  );
});

test('conformance exits 2 when a file cannot be read, and prints nothing on stdout', () => {
  for (const path of [join(scratch, 'missing.json'), vectorFile('unknown.json', { nothing: 'known' })]) {
    const { status, stdout, stderr } = parley('conformance', '--json', path);
    assert.deepEqual([status, stdout], [2, '']);
    assert.ok(stderr.startsWith(`parley: ${path}: `), stderr);
  }
});

test('a reader that goes away ends the command quietly', async () => {
  const many = {
    ...aead,
    testGroups: [
      {
        ...aead.testGroups[0],
        tests: Array.from({ length: 5000 }, (_, i) => ({ ...aead.testGroups[0].tests[0], tcId: i, msg: '00' })),
      },
    ],
  };
  const child = spawn(process.execPath, [main, 'conformance', '--json', vectorFile('many_test.json', many)]);
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise(resolve => child.on('close', resolve));
  assert.deepEqual([code, stderr], [0, '']);
});

test('the launcher runs the sources of a checkout, passes arguments and the exit code on', () => {
  const launch = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'bin', 'parley.mjs'), ...args], { encoding: 'utf8' });
  assert.match(launch('--version').stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(launch('conformance', join(scratch, 'missing.json')).status, 2);
});
