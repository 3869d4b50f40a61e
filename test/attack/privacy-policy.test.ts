/** A federation asks a site for what the owner of its data does not allow. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { policyFile } from '../../src/node/privacy/policy.ts';
import { openLedger } from '../../src/node/storage/sqlite-ledger.ts';
import { type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import { startClient, startCoordinator } from '../federation/local.ts';
import { operatorOf } from '../federation/operator.ts';
import { privateTask } from '../federation/private-task.ts';
import { smallTask } from '../federation/small-task.ts';

const clients = ['anna', 'bert', 'cleo'];
const minimum = 2;

describe('a site with a privacy policy', () => {
  const stack = new AsyncDisposableStack();
  let enrolled: Enrolled;
  let policyPath: string;
  before(async () => {
    enrolled = await enrol(join(temporaryFolder({ after: hook => stack.defer(hook) }), 'demo'), clients);
    policyPath = join(enrolled.memberHome('cleo'), policyFile);
  });
  after(() => stack.disposeAsync());

  test('takes part in what it allows, and in nothing else; the others go on, and its ledger shows what was asked', async () => {
    const text =
      'units: [organisation]\nnoiseAt: [client]\nmostEpsilon: 3\nlifetime: { epsilon: 1.5, delta: 1.0e-4 }\n';
    writeFileSync(policyPath, text);
    await using here = new AsyncDisposableStack();
    await startCoordinator(here, enrolled);
    const [, , cleo] = clients.map(client => startClient(here, enrolled, client));
    const operator = await operatorOf(enrolled, here);
    await operator.present(clients);
    const settings = { minimum, rounds: 1, deadlineSeconds: 20 };
    const combined = async (task: ReturnType<typeof smallTask>): Promise<readonly string[]> =>
      (await operator.outcome(await operator.submit(task))).status.reports[0].combined;
    const others = ['anna', 'bert'];
    const dear = privateTask({ ...settings, name: 'dear' }, { budget: { epsilon: 3.5 } });
    const trusting = privateTask({ ...settings, name: 'trusting' }, { noiseAt: 'coordinator' });
    assert.deepEqual(await combined(smallTask({ ...settings, name: 'open' })), others);
    assert.deepEqual(await combined(dear), others);
    assert.deepEqual(await combined(trusting), others);
    assert.deepEqual(await combined(privateTask({ ...settings, name: 'allowed' })), clients);
    const noisy = privateTask({ ...settings, name: 'beyond' }, { noiseMultiplier: 2.2 });
    assert.deepEqual(await combined(noisy), others, 'within the task, beyond the lifetime');
    const details = cleo.log.filter(({ event }) => event === 'cannot-train').map(({ detail = '' }) => detail);
    for (const setting of ['requirePrivacy', 'mostEpsilon', 'noiseAt'])
      assert.ok(
        details.some(detail => detail.startsWith(`${policyPath}: ${setting}: does not allow the task`)),
        setting,
      );
    assert.match(
      cleo.log.find(({ event }) => event === 'privacy-policy')?.detail ?? '',
      /^privacy required, .* ≤ 1\.5 /,
    );
    await cleo.stop();
    const { ledger, close } = openLedger(join(enrolled.memberHome('cleo'), 'ledger.sqlite'), { build: 'test' });
    close();
    assert.deepEqual(
      ledger.spent.map(({ round, state }) => [round, state]),
      [[1, 'released']],
    );
  });

  test('that cannot be read does not start at all, and reserves nothing', async () => {
    await using here = new AsyncDisposableStack();
    for (const text of ['', 'mostepsilon: 3\n', 'units: [organisation\n']) {
      writeFileSync(policyPath, text);
      const failed = startClient(new AsyncDisposableStack(), enrolled, 'cleo').ended;
      await assert.rejects(failed, { name: 'UserError', message: new RegExp(policyFile.replace('.', '\\.')) });
    }
    writeFileSync(policyPath, 'requirePrivacy: false\n');
    // No lock is left behind.
    const client = startClient(here, enrolled, 'cleo');
    await client.stop();
    assert.ok(existsSync(policyPath));
  });
});
