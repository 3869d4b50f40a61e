import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PrivacySettings } from '../../../src/core/protocol/privacy-settings.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { openClientLedger } from '../../../src/node/privacy/party-ledger.ts';
import { checkPolicy, policyFile, policyLine } from '../../../src/node/privacy/policy.ts';
import { readPolicy } from '../../../src/node/privacy/policy-file.ts';
import { spend, taskB } from '../../core/privacy/ledger-samples.ts';
import { scratch } from '../../storage/scratch.ts';

type DpSgd = Extract<PrivacySettings, { mechanism: 'dp-sgd' }>;

const privacy: DpSgd = {
  mechanism: 'dp-sgd',
  unit: 'record',
  relation: 'add-remove',
  clipNorm: 1,
  sampling: { poisson: 0.1 },
  noiseAt: 'client',
  noisyClients: null,
  noiseMultiplier: 2,
  delta: 1e-5,
  budget: { epsilon: 3 },
  profile: null,
  schedule: { kind: 'uniform' },
  recordsPerPerson: 1,
  metrics: null,
};

const task = (changes: Partial<DpSgd> = {}) => ({ name: 'heart', privacy: { ...privacy, ...changes } });

/** The policy that this text in a home says. */
function policyOf(t: { after(hook: () => void): void }, text: string) {
  const home = scratch(t as never);
  writeFileSync(join(home, policyFile), text);
  return readPolicy(home) ?? assert.fail('no policy');
}

test('a home without a policy allows every task', t => {
  assert.equal(readPolicy(scratch(t)), null);
});

test('each setting refuses what it is about by name, and lets the rest through', t => {
  const cases: readonly [text: string, refused: Partial<DpSgd>, message: RegExp][] = [
    ['units: [user]', {}, /: units: does not allow the task heart: privacy\.unit is record/],
    ['relations: [add-remove]', { relation: 'replace' }, /: relations: .*privacy\.relation is replace/],
    ['noiseAt: [client]', { noiseAt: 'coordinator' }, /: noiseAt: .*privacy\.noiseAt is coordinator/],
    ['mostEpsilon: 3', { budget: { epsilon: 3.1 } }, /: mostEpsilon: .*privacy\.budget\.epsilon is 3\.1/],
    ['mostEpsilon: 3', { metrics: { epsilon: 4 } }, /: mostEpsilon: .*privacy\.metrics\.epsilon is 4/],
    ['mostDelta: 1.0e-5', { delta: 1.1e-5 }, /: mostDelta: .*privacy\.delta is 0\.000011/],
    ['leastNoise: 2', { noiseMultiplier: 1.9 }, /: leastNoise: .*noise multiplier comes down to 1\.9/],
    [
      'leastNoise: 2',
      { schedule: { kind: 'decaying', factor: 0.9, least: 0.5 } },
      /: leastNoise: .*noise multiplier comes down to 0\.5/,
    ],
    ['lifetime: { epsilon: 1, delta: 1.0e-6 }', {}, /: lifetime\.delta: .*privacy\.delta is 0\.00001/],
  ];
  for (const [text, refused, message] of cases) {
    const policy = policyOf(t, text);
    assert.throws(
      () => checkPolicy(task(refused), policy, 'privacy-policy.yaml'),
      (error: unknown) =>
        error instanceof UserError && message.test(error.message) && /Ask the federation/.test(error.remedy),
      text,
    );
    const isAllowed = Object.keys(refused).length > 0;
    if (isAllowed) checkPolicy(task(), policy, 'privacy-policy.yaml');
  }
});

test('a policy of any kind refuses tasks without privacy, unless it says that it does not', t => {
  const open = { name: 'heart', privacy: 'none' } as const;
  assert.throws(
    () => checkPolicy(open, policyOf(t, 'mostEpsilon: 3'), 'privacy-policy.yaml'),
    /requirePrivacy: does not allow the task heart: its privacy is none/,
  );
  checkPolicy(open, policyOf(t, 'requirePrivacy: false'), 'privacy-policy.yaml');
});

test('a policy that is empty, damaged, misspelt or out of range allows nothing: it is not taken for none', t => {
  const home = scratch(t);
  const texts = {
    '': /is empty/,
    '# nothing yet\n': /is empty/,
    'units: [record': /privacy-policy\.yaml:1:/,
    'mostEpsilon: 3\nmostEpsilon: 4\n': /privacy-policy\.yaml:2:1/,
    'mostepsilon: 3': /mostepsilon/,
    'mostEpsilon: none': /mostEpsilon/,
    'mostEpsilon: 0': /mostEpsilon/,
    'mostDelta: 1': /mostDelta/,
    'units: [row]': /units/,
    'units: []': /units/,
    'lifetime: { epsilon: 1 }': /lifetime\.delta/,
    'lifetime: &a { epsilon: 1, delta: 0.1 }\nunits: *a': /alias/,
    'just text': /privacy-policy\.yaml: holds no settings/,
    'mostEpsilom: 3\nmostDelta: 2':
      /mostDelta: is 2; use a number > 0 and < 1\n.*mostEpsilom: is not a setting; remove it/,
  };
  for (const [text, message] of Object.entries(texts)) {
    writeFileSync(join(home, policyFile), text);
    assert.throws(
      () => readPolicy(home),
      (error: unknown) => error instanceof UserError && message.test(error.message),
      text,
    );
  }
  assert.throws(() => readPolicy(join(home, policyFile)), UserError);
});

test('what a policy says stands in one line', t => {
  const text = 'units: [record, user]\nnoiseAt: [client]\nmostEpsilon: 3\nlifetime: { epsilon: 10, delta: 1.0e-4 }';
  assert.equal(
    policyLine(policyOf(t, text)),
    'privacy required, units record|user, noise at client, ε of a task ≤ 3, ε of all tasks ≤ 10 at δ = 0.0001',
  );
});

test('the lifetime of a policy limits the ledger of the home, over all tasks and restarts', async t => {
  const home = scratch(t);
  const policy = policyOf(t, 'lifetime: { epsilon: 2.2, delta: 1.0e-4 }');
  for (let round = 1; round <= 5; round++) {
    const { reserve, close } = openClientLedger(home, policy, () => undefined);
    await reserve(spend(round));
    close();
  }
  const log: object[] = [];
  const { reserve, close } = openClientLedger(home, policy, event => log.push(event));
  t.after(close);
  const more = async (): Promise<void> => {
    for (let round = 1; ; round++) await reserve(spend(round, { task: taskB }));
  };
  await assert.rejects(more, { code: 'budget-spent', message: /all tasks on records/ });
  assert.deepEqual(log, []);
});
