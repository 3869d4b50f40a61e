import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ourMechanisms } from '../../../src/cli/audited-mechanisms.ts';
import { auditLayer } from '../../../src/core/privacy-audit/audit.ts';
import { auditLayers, auditSizes, type Check } from '../../../src/core/privacy-audit/check.ts';
import type { AuditedMechanisms } from '../../../src/core/privacy-audit/mechanisms.ts';
import { seededBytes } from '../../../src/core/privacy-audit/seeded-bytes.ts';
import { mutants, soundTextbooks } from './mutants.ts';

const size = auditSizes.quick;

function checksOf(
  mechanisms: AuditedMechanisms,
  layer: (typeof auditLayers)[number],
  wanted?: (name: string) => boolean,
): Promise<readonly Check[]> {
  // Seeded, so that a test that passes once passes always; the command draws from the platform.
  const { randomBytes } = seededBytes(`audit of ${layer}`);
  return auditLayer(layer, { mechanisms, size, randomBytes, wanted });
}

function failed(checks: readonly Check[]): Check[] {
  return checks.filter(({ passed }) => !passed);
}

describe('an audit without a mutant passes:', () => {
  for (const layer of auditLayers)
    test(`layer ${layer} of what a federation runs`, async () => {
      const checks = await checksOf(ourMechanisms, layer);
      assert.ok(checks.length > 0);
      assert.deepEqual(failed(checks), []);
    });

  for (const layer of ['L0', 'L1', 'L4', 'L5'] as const)
    test(`layer ${layer} of the textbooks that mutants are made of`, async () => {
      assert.deepEqual(failed(await checksOf({ ...ourMechanisms, ...soundTextbooks }, layer)), []);
    });
});

test('every fault of private releases that public libraries were seen with is among the mutants', () => {
  const seen = ['nan-dp-fixed', 'zero-update-dp', 'dp-weight', 'adaptive-sign', 'adaptive-noise-norm', 'scalar-clip'];
  const peers = mutants.flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
  assert.deepEqual(peers.toSorted(), seen.toSorted());
});

describe('an audit catches', () => {
  for (const { name, layer, check, broken } of mutants)
    test(`the mutant "${name}" in ${layer}`, async () => {
      const checks = await checksOf({ ...ourMechanisms, ...broken(ourMechanisms) }, layer, wanted =>
        wanted.includes(check),
      );
      const names = failed(checks).map(each => each.name);
      assert.ok(
        names.some(each => each.includes(check)),
        `only ${JSON.stringify(names)} failed`,
      );
    });
});
