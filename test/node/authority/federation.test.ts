/** The federation's home, its authority as a process, and the commands over them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import type { LogEvent } from '../../../src/core/protocol/ports.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { startAuthority } from '../../../src/node/authority/child.ts';
import { createFederation, members, revoke } from '../../../src/node/authority/federation.ts';
import { federationPaths } from '../../../src/node/authority/home.ts';
import { isCrlDue, openIssuer, publishCrl } from '../../../src/node/authority/issuer.ts';
import { join as joinFederation } from '../../../src/node/authority/join.ts';
import { serveAuthority } from '../../../src/node/authority/serve.ts';
import { readCrl } from '../../../src/node/pki/crl.ts';
import { freePorts, runFederation, temporaryFolder } from './running-federation.ts';

const settings = { federation: 'demo', host: 'localhost', port: 7443, authorityPort: 7444 };
const main = join(import.meta.dirname, '../../../src/cli/main.ts');

describe('a federation', () => {
  test('is created whole, once, beside files that are not its own', async t => {
    const home = join(await temporaryFolder(t), 'home');
    mkdirSync(home);
    writeFileSync(join(home, 'notes'), 'ours');
    const description = await createFederation(home, settings);
    assert.deepEqual(JSON.parse(readFileSync(join(home, 'federation.json'), 'utf8')), description);
    assert.equal(description.coordinatorUrl, 'https://localhost:7443');
    assert.deepEqual(globSync('*', { cwd: home }).sort(), [
      'authority',
      'coordinator',
      'federation.json',
      'notes',
      'operator',
    ]);
    const before = readFileSync(federationPaths(home).rootKey);
    await assert.rejects(
      createFederation(home, settings),
      (error: UserError) => /exists/.test(error.message) && /--home/.test(error.remedy),
    );
    assert.deepEqual(readFileSync(federationPaths(home).rootKey), before);
  });

  test('refuses settings that would not work', async t => {
    const home = join(await temporaryFolder(t), 'home');
    for (const wrong of [
      { federation: 'Demo' },
      { host: 'a b' },
      { port: 0 },
      { port: 70_000 },
      { authorityPort: 7443 },
    ]) {
      await assert.rejects(createFederation(home, { ...settings, ...wrong }), UserError);
    }
    assert.equal(existsSync(home), false);
  });

  test('lists members and open invitations by name, with what became of them', async t => {
    const demo = await runFederation(t);
    await demo.member('alice');
    await demo.member('bob');
    demo.invite('zoe');
    demo.invite('old', { hours: 1 }, Date.now() - 3_600_000);
    await revoke(demo.home, 'bob');
    const list = members(demo.home).map(({ name, role, status }) => `${name} ${role} ${status}`);
    assert.deepEqual(list, [
      'alice client active',
      'authority authority active',
      'bob client revoked',
      'coordinator coordinator active',
      'operator operator active',
      'zoe client invited',
    ]);
    assert.equal(
      members(demo.home, Date.now() + 25 * 3_600_000).find(({ name }) => name === 'alice')?.status,
      'expired',
    );
  });

  test('counts each revocation once and refuses those that make no sense', async t => {
    const demo = await runFederation(t);
    await demo.member('alice');
    await demo.member('bob');
    const first = await revoke(demo.home, 'alice');
    const again = await revoke(demo.home, 'alice');
    const second = await revoke(demo.home, 'bob');
    assert.deepEqual([first.denyVersion, again.denyVersion, second.denyVersion], [1, 1, 2]);
    assert.deepEqual([first.serials.length, again.serials.length, second.serials.length], [2, 0, 2]);
    assert.equal(readCrl(demo.paths.crl).revoked.size, 4);
    for (const name of ['nobody', 'coordinator', 'authority', 'operator'])
      await assert.rejects(revoke(demo.home, name), UserError);
  });

  test('never publishes an older list over a newer one, whoever races', async t => {
    const demo = await runFederation(t);
    for (const name of ['a', 'b', 'c']) await demo.member(name);
    const issuers = [openIssuer(demo.home), openIssuer(demo.home)];
    t.after(() => issuers.forEach(issuer => void issuer.close()));
    const before = issuers[0].registry.publication().number;
    await Promise.all([
      ...issuers.map(issuer => publishCrl(issuer, Date.now())),
      ...['a', 'b', 'c'].map(name => revoke(demo.home, name)),
    ]);
    const { revoked, lists } = readCrl(demo.paths.crl);
    assert.equal(revoked.size, 6);
    assert.equal(lists[1].number, issuers[0].registry.publication().number);
    assert.equal(lists[1].number, before + 5);
  });

  test('has its list issued again each hour, and at once after a revocation that was not published', async t => {
    const demo = await runFederation(t);
    await demo.member('alice');
    const issuer = openIssuer(demo.home);
    t.after(() => issuer.close());
    const now = issuer.registry.publication().timeMs;
    assert.equal(isCrlDue(issuer.registry, now + 3_599_999), false);
    assert.equal(isCrlDue(issuer.registry, now + 3_600_000), true);
    assert.equal(isCrlDue(issuer.registry, now - 3_600_000), true);
    await demo.close();
    issuer.registry.revoke('alice', Date.now()); // and then the process that revoked dies
    assert.equal(isCrlDue(issuer.registry, now), true);
    const authority = await serveAuthority(demo.home, { log: () => {} });
    t.after(authority.close);
    assert.equal(readCrl(demo.paths.crl).revoked.size, 2);
  });
});

describe('the authority as a process', () => {
  test('serves, reports its log, and is asked to end', async t => {
    const home = join(await temporaryFolder(t), 'home');
    const [port, authorityPort] = await freePorts();
    await createFederation(home, { ...settings, port, authorityPort });
    const log: LogEvent[] = [];
    const authority = await startAuthority(home, event => log.push(event));
    await assert.rejects(
      startAuthority(home, () => {}),
      (error: UserError) => /another process listens/.test(error.message),
    );
    await assert.rejects(
      joinFederation(authority.url, Buffer.alloc(64).toString('base64url'), join(home, 'm')),
      UserError,
    );
    await authority.close();
    assert.equal(await authority.ended, true);
    assert.equal(log[0].event, 'listening');
  });

  test('ends when its parent is killed', async t => {
    const home = join(await temporaryFolder(t), 'home');
    const [port, authorityPort] = await freePorts();
    await createFederation(home, { ...settings, port, authorityPort });
    const script = join(home, 'parent.ts');
    const child = join(import.meta.dirname, '../../../src/node/authority/child.ts');
    writeFileSync(
      script,
      `import { startAuthority } from ${JSON.stringify(child)};\nconst { pid } = await startAuthority(${JSON.stringify(home)}, () => {});\nconsole.log(pid);`,
    );
    const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    parent.kill('SIGKILL');
    const timer = setInterval(() => isAlive(Number(line)) || resolve(), 20);
    await gone;
    clearInterval(timer);
    assert.equal(isAlive(Number(line)), false);
  });
});

describe('the commands', () => {
  test('init, invite, authority, join, members, revoke make a round trip', { timeout: 60_000 }, async t => {
    const cwd = await temporaryFolder(t);
    const [port, authorityPort] = await freePorts();
    const parley = (args: string[], input = '') => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd, input, encoding: 'utf8' });
      return { status, stdout, stderr };
    };
    assert.equal(
      parley(['init', '--federation', 'demo', '--port', `${port}`, '--authority-port', `${authorityPort}`]).status,
      0,
    );
    const again = parley(['init']);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /exists[\s\S]*→ .*--home/);

    const authority = spawn(process.execPath, [main, 'authority'], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => void authority.kill('SIGKILL'));
    const lines = createInterface({ input: authority.stderr });
    assert.match((await once(lines, 'line'))[0], /"listening"/);

    const { token, authorityUrl } = JSON.parse(parley(['invite', 'alice', '--organisation', 'north', '--json']).stdout);
    writeFileSync(join(cwd, 'token'), `${token}\n`, { mode: 0o600 });
    const joined = parley(['join', authorityUrl, '--token-file', 'token', '--json']);
    assert.equal(joined.status, 0, joined.stderr);
    assert.equal(JSON.parse(joined.stdout).organisation, 'north');
    const second = parley(['join', authorityUrl, '--token', token, '--home', 'second']);
    assert.equal(second.status, 2);
    assert.match(second.stderr, /bad-token[\s\S]*→/);
    assert.doesNotMatch(parley(['invite', 'bob']).stderr, /older invitation/);
    const bob = parley(['invite', 'bob']);
    assert.match(bob.stderr, /An older invitation of bob works no more/);
    assert.match(bob.stdout, /^[\w-]{86}\n$/);
    assert.equal(parley(['join', authorityUrl, '--token', '-', '--home', 'bob'], bob.stdout).status, 0);
    assert.match(parley(['join', authorityUrl]).stderr, /needs the invitation/);

    assert.equal(parley(['revoke', 'alice', '--json']).status, 0);
    assert.equal(parley(['revoke', 'nobody']).status, 2);
    const list = JSON.parse(parley(['members', '--json']).stdout) as { name: string; status: string }[];
    assert.deepEqual(
      list.filter(({ name }) => name === 'alice' || name === 'bob').map(({ name, status }) => `${name} ${status}`),
      ['alice revoked', 'bob active'],
    );
    assert.match(parley(['members']).stdout, /alice +north +client +revoked/);
    const ended = once(authority, 'exit');
    authority.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
