import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Case } from '../../src/conformance/case.ts';
import { readCases } from '../../src/conformance/files.ts';
import { implementations } from '../../src/conformance/implementations.ts';
import { runCases } from '../../src/conformance/report.ts';
import { UserError } from '../../src/core/protocol/problem.ts';

const folder = process.env.PARLEY_VECTORS_DIR ?? '';
const skip = folder === '' && 'PARLEY_VECTORS_DIR is not set';
const scratch = mkdtempSync(join(tmpdir(), 'parley-conformance-'));
after(() => rmSync(scratch, { recursive: true }));

const read = (...path: string[]): Case[] => readCases([join(folder, ...path)]);

test('every file of the folder is read, with the number of cases its README states', { skip }, () => {
  const expected: [string[], number][] = [
    [['robust.json'], 451],
    [['privacy.json'], 737],
    [['flower.json'], 48],
    [['must-not.json'], 25],
    [['wycheproof', 'ed25519_test.json'], 151],
    [['wycheproof', 'x25519_test.json'], 518],
    [['wycheproof', 'aes_gcm_test.json'], 316],
    [['wycheproof', 'chacha20_poly1305_test.json'], 325],
    [['wycheproof', 'hkdf_sha256_test.json'], 86],
    [['wycheproof', 'hmac_sha256_test.json'], 174],
    [['wycheproof', 'ecdsa_secp256r1_sha256_p1363_test.json'], 262],
    [['wycheproof', 'rsa_pss_2048_sha256_mgf1_32_test.json'], 108],
    [['wycheproof', 'json_web_signature_test.json'], 401],
    [['wycheproof', 'json_web_key_test.json'], 26],
    [['wycheproof', 'mlkem_768_semi_expanded_decaps_test.json'], 9],
    [['rfc9380'], 35],
    [['rfc9496'], 16 + 30 + 7 + 11],
    [['merkle', 'inclusion.json'], 98],
    [['merkle', 'consistency.json'], 98],
    [['merkle', 'reference-tree.json'], 9],
    [['slip39'], 45],
    [['vdaf'], 26],
    [['pine'], 1],
    [['xwing'], 3],
    [['cctv'], 3],
    [['seal'], 2],
    [['model-signing'], 3 + 5 + 4],
    [['c2sp.json'], 1],
  ];
  for (const [path, count] of expected) assert.equal(read(...path).length, count, path.join('/'));
  const all = readCases([folder]);
  assert.ok(all.length >= expected.reduce((sum, [, count]) => sum + count, 0));
  assert.equal(new Set(all.map(one => one.id)).size, all.length, 'every case has an id of its own');
});

test('what the files expect is what the design page counts', { skip }, () => {
  const counts = (cases: Case[]): Record<string, number> => {
    const sum: Record<string, number> = {};
    for (const { expectation } of cases) sum[expectation.kind] = (sum[expectation.kind] ?? 0) + 1;
    return sum;
  };
  const wycheproof = (name: string) => counts(read('wycheproof', `${name}_test.json`));
  assert.deepEqual(wycheproof('ed25519'), { value: 88, refusal: 63 });
  assert.deepEqual(wycheproof('x25519'), { value: 264, refusal: 31, 'value-or-refusal': 223 });
  assert.deepEqual(wycheproof('chacha20_poly1305'), { value: 256, refusal: 69 });
  assert.deepEqual(wycheproof('hkdf_sha256'), { value: 83, refusal: 3 });
  assert.deepEqual(wycheproof('hmac_sha256'), { value: 66, refusal: 108 });
  assert.deepEqual(counts(read('merkle', 'inclusion.json')), { value: 6, refusal: 92 });
  assert.deepEqual(counts(read('merkle', 'consistency.json')), { value: 6, refusal: 92 });
  assert.deepEqual(counts(read('slip39')), { value: 15, refusal: 30 });
  assert.deepEqual(wycheproof('mlkem_768_semi_expanded_decaps'), { value: 3, refusal: 6 });
  assert.deepEqual(counts(read('xwing')), { value: 3 });
  const gcm = read('wycheproof', 'aes_gcm_test.json').filter(one => one.fn.endsWith('/256'));
  assert.deepEqual(counts(gcm.filter(one => one.input.ivSize === 96)), { value: 39, refusal: 27 });
  assert.deepEqual(Object.keys(counts(gcm.filter(one => one.input.ivSize !== 96))), ['refusal']);
});

const rules = [
  ...['mean', 'median', 'trimmed_mean', 'meamed', 'krum', 'multi_krum', 'bulyan', 'geometric_median', 'mda', 'smea'],
  ...['centered_clipping', 'caf', 'dnc', 'monna', 'fltrust', 'foolsgold'],
];

test('no case of the folder fails, and what is built is not counted as unsupported', { skip }, async () => {
  const report = await runCases(readCases([folder]), implementations);
  assert.deepEqual(report.failures, []);
  const groups = (counts: 'passed' | 'unsupported') =>
    Object.keys(report.groups).filter(group => report.groups[group][counts] > 0);
  const built = [
    ...['ed25519', 'x25519', 'chacha20_poly1305', 'hkdf_sha256', 'hmac_sha256'].map(name => `wycheproof/${name}`),
    ...['weighted_mean', 'weighted_loss_avg', 'fedavgm', 'fedadam', 'l2_norm', 'clip_update_around_reference'].map(
      name => `flower/${name}`,
    ),
    ...['krum', 'multikrum', 'bulyan', 'median', 'trimmed_mean', 'pairwise_sq_l2'].map(name => `flower/${name}`),
    'flower/mean_of_beta_closest_per_coordinate',
    ...['shamir_gf2_128_combine', 'shamir_gf2_128_combine_ssss', 'shamir', 'stage_machine'].map(
      name => `flower/${name}`,
    ),
    ...['inclusion', 'consistency', 'root'].map(name => `merkle/${name}`),
    ...['slip39', 'xwing', 'cctv', 'wycheproof/mlkem_768_semi_expanded_decaps', 'must-not/mask_prg'],
    ...rules.map(name => `aggregator/${name}`),
    ...['nnm', 'arc', 'clipping', 'bucketing'].map(name => `pre_aggregator/${name}`),
    'pipeline/pipeline',
    ...['centered_clipping', 'geometric_median', 'krum', 'median', 'multi_krum', 'nnm', 'trimmed_mean'].map(
      name => `policy/${name}`,
    ),
  ];
  for (const group of built)
    assert.ok(groups('passed').includes(group) && !groups('unsupported').includes(group), group);
  const ofKeys = { passed: 105, failed: 0, unsupported: 211 };
  assert.deepEqual(
    report.groups['wycheproof/aes_gcm'],
    ofKeys,
    '66 with nonces of 96 bits, 39 others refused; keys of 128 and 192 bits are not in use',
  );
  assert.equal(report.groups['must-not/behaviour'].passed, 20, 'updates and weights, masks, groups, captured messages');
});

test('an altered vector fails: the comparison is alive', { skip }, async () => {
  const built = readCases([folder]).filter(one => Object.hasOwn(implementations, one.fn));
  const altered = built.flatMap((one): Case[] => {
    const { expectation } = one;
    if (expectation.kind === 'refusal') return [{ ...one, expectation: { kind: 'statement', statement: 'accepted' } }];
    if (expectation.kind !== 'value') return [];
    return [{ ...one, expectation: { ...expectation, value: 'something else' } }];
  });
  const report = await runCases(altered, implementations);
  assert.equal(report.passed, 0);
  assert.equal(report.failed, altered.length);
  assert.ok(altered.length > 1000);
});

test('the name of a file does not matter, its content does', { skip: false }, () => {
  const path = join(scratch, 'anything.data');
  const one = {
    id: 'x',
    kind: 'aggregator',
    name: 'mean',
    params: {},
    input: { vectors: [['NaN', 1]] },
    expected: { vector: [1] },
    tol: { rtol: 1, atol: 2 },
  };
  writeFileSync(path, JSON.stringify({ cases: [one] }));
  assert.deepEqual(readCases([path]), [
    {
      id: 'x',
      group: 'aggregator/mean',
      fn: 'robust/aggregator/mean',
      input: { vectors: [[Number.NaN, 1]], params: {} },
      expectation: { kind: 'value', value: { vector: [1] }, tolerance: { absolute: 2, relative: 1, ofLargest: true } },
    },
  ]);
});

test('a missing file, an unknown format and a broken JSON file are errors of the user that name the file', () => {
  const unknown = join(scratch, 'unknown.json');
  const broken = join(scratch, 'broken.json');
  writeFileSync(unknown, '{"cases": []}');
  writeFileSync(broken, '{"cases": [');
  for (const path of [unknown, broken, join(scratch, 'missing.json')]) {
    assert.throws(
      () => readCases([path]),
      (error: unknown) => error instanceof UserError && error.message.startsWith(`${path}: `),
    );
  }
});

test('privacy vectors keep bounds, tolerances, refusals, predicates and standard errors apart', { skip }, () => {
  const kinds = new Set(read('privacy.json').map(one => one.expectation.kind));
  assert.deepEqual([...kinds].sort(), ['estimate', 'range', 'refusal', 'statement', 'value']);
  const infinite = read('privacy.json').find(one => one.fn === 'privacy/userLevelEpsilonRdpInfinite');
  assert.deepEqual(infinite?.expectation, {
    kind: 'value',
    value: Number.POSITIVE_INFINITY,
    tolerance: { absolute: 0, relative: 0 },
  });
});
