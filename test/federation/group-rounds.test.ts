/** The four hospitals over real sockets and certificates: through a group they get the model they would get if single updates were shown. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { defaultPolicy } from '../../src/client/group-ports.ts';
import type { RunStatus } from '../../src/coordinator/status.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { generateClinics } from '../../src/core/data/clinics.ts';
import { heartFiles } from '../../src/core/data/heart.ts';
import { pause } from '../../src/core/protocol/ports.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import type { MemberPolicy } from '../../src/core/secagg/member-policy.ts';
import { systemClock } from '../../src/node/clock.ts';
import { heartFolder } from '../learning/heart.ts';
import { copyOf, type Enrolled, enrol, temporaryFolder } from './enrolled.ts';
import { startClient, startCoordinator } from './local.ts';
import { operatorOf } from './operator.ts';

/** The four hospitals where the data is there, else invented clinics of the same form. */
const tables =
  heartFolder === null
    ? generateClinics(9).map(({ name, text }) => ({ name, text }))
    : heartFiles.map(({ site, file }) => ({ name: site, text: readFileSync(join(heartFolder ?? '', file), 'utf8') }));
const names = tables.map(({ name }) => name).sort();
const ofThree: MemberPolicy = { ...defaultPolicy, honest: 3 };

function heartTask(changes: object): Task {
  const example = parse(readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'heart.task.yaml'), 'utf8'));
  // All rows in every step: minibatches are drawn by the hash of the task, and another protection is another task.
  const training = { ...example.training, batchSize: 1000 };
  return parseTask({ ...example, rounds: 5, training, evaluation: { pooledAucBins: 1000 }, ...changes });
}

const grouped = { protection: { kind: 'group', honest: 3 } };

describe('the heart federation', () => {
  let enrolled: Enrolled;
  const hooks: (() => void)[] = [];
  before(async () => {
    const folder = temporaryFolder({ after: hook => void hooks.push(hook) });
    enrolled = await enrol(join(folder, 'base'), names);
    for (const { name, text } of tables) writeFileSync(enrolled.tablePath(name), text);
  });
  test.after(() => {
    for (const hook of hooks) hook();
  });

  /** Ends with the model and the status of the run, and each client's log. */
  async function run(name: string, task: Task, policy?: MemberPolicy) {
    await using stack = new AsyncDisposableStack();
    const copy = await copyOf(enrolled, join(enrolled.folder, '..', name));
    await startCoordinator(stack, copy);
    const clients = copy.clients.map(client => startClient(stack, copy, client, undefined, policy));
    const operator = await operatorOf(copy, stack);
    await operator.present(copy.clients);
    const id = await operator.submit(task);
    const { status } = await operator.outcome(id);
    const { parameters } = decodeSafetensors(await operator.channel.bytes(`/v1/runs/${id}/artifact`));
    return { status, parameters, logs: clients.map(({ log }) => log) };
  }

  test('has the same model through a group, within 1e-4, and the same quality over all test rows', async () => {
    const shown = await run('shown', heartTask({ protection: 'inspect' }));
    const { status, parameters, logs } = await run('group', heartTask(grouped), ofThree);
    const off = parameters.map((value, i) => Math.abs(value - shown.parameters[i]));
    assert.ok(Math.max(...off) <= 1e-4, `a parameter is off by ${Math.max(...off)}`);
    const figures = ({ pooled }: RunStatus) => (pooled?.kind === 'classes' ? pooled : assert.fail('classes'));
    const [one, other] = [figures(status), figures(shown.status)];
    assert.ok(Math.abs(one.logLoss - other.logLoss) < 1e-6);
    assert.deepEqual({ ...one, logLoss: 0 }, { ...other, logLoss: 0 });
    for (const { groups } of status.reports) assert.deepEqual(groups?.[0].survivors.toSorted(), names);
    for (const log of logs) {
      const summed = log.filter(({ event }) => event === 'group-summed').map(({ round }) => round);
      // The run ends with the last sum, and the clients of this test with the run.
      assert.deepEqual(summed.slice(0, 5), [1, 2, 3, 4, 5]);
      assert.ok(!log.some(({ level }) => level === 'warn' || level === 'error'));
    }
  });

  test('does not begin where the sites ask for more than the task does, and they say what to change', async () => {
    await using stack = new AsyncDisposableStack();
    const copy = await copyOf(enrolled, join(enrolled.folder, '..', 'refused'));
    await startCoordinator(stack, copy);
    const clients = copy.clients.map(client => startClient(stack, copy, client));
    const operator = await operatorOf(copy, stack);
    await operator.present(copy.clients);
    const id = await operator.submit(heartTask(grouped));
    const told = (): string | undefined =>
      clients.flatMap(({ log }) => log.filter(({ event }) => event === 'cannot-train')).at(0)?.detail;
    while (told() === undefined) await pause(systemClock, 20);
    assert.match(
      told() ?? '',
      /^protection\.honest: sums of this task hold 3 .* asks for 5 → .* start this client with --honest 3\./,
    );
    for (const { combined } of (await operator.status(id)).reports) assert.deepEqual(combined, []);
  });
});
