/**
 * A model made to leak: parameters with which single rows pass through training and out again in the update, or layers that do nothing else
 * (Boenisch et al. 2023; Fowl et al. 2022). A sum over a group does not hide what one member alone puts into it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameBytes } from '../../src/core/bytes/floats.ts';
import { parseTask, TaskError } from '../../src/core/protocol/task.ts';
import { codeHash, encodeManifest, type GroupManifest } from '../../src/core/secagg/manifest.ts';
import { build, clients, GroupHost, groupTask, type PlayerSettings, player, ports } from '../client/group-host.ts';

const last = clients.length - 1;

/** Gradients of a dense relu unit with loss Σ output: of its weights the rows that pass it, of its bias how many do. */
function gradients(weights: readonly number[], bias: number, rows: readonly (readonly number[])[]): number[] {
  const passing = rows.filter(row => row.reduce((total, value, i) => total + value * weights[i], bias) > 0);
  return [...weights.map((_, i) => passing.reduce((total, row) => total + row[i], 0)), passing.length];
}

/** One member's update under a unit, clipped to 1 as it is before it leaves. */
function update(weights: readonly number[], bias: number, rows: readonly (readonly number[])[]): number[] {
  const gradient = gradients(weights, bias, rows);
  const norm = Math.hypot(...gradient);
  return gradient.map(value => value * Math.min(1, 1 / norm));
}

const victimRow = [3, 1, 4];
const sites = [
  [
    [0.2, 0.1, 0.3],
    [0.4, 0.2, 0.1],
  ],
  [
    [0.1, 0.5, 0.2],
    [0.3, 0.3, 0.3],
  ],
  [victimRow, [0.2, 0.2, 0.2]],
];

const rowIn = (sum: readonly number[]) => sum.slice(0, -1).map(value => value / (sum.at(-1) ?? 0));
const sumUnder = (weights: readonly number[], bias: number) =>
  sites.map(rows => update(weights, bias, rows)).reduce((total, one) => total.map((value, i) => value + one[i]));

test('a unit that one row alone passes carries it out whole, through clipping and through the sum of a group', () => {
  const leaked = rowIn(sumUnder([1e6, 1e6, 1e6], -5e6));
  leaked.forEach((value, i) => {
    assert.ok(Math.abs(value - victimRow[i]) < 1e-9);
  });
  // Where many rows pass, as in models that were trained, the quotient is their mean.
  const mean = rowIn(sumUnder([0.1, 0.1, 0.1], 0.5));
  assert.ok(mean.some((value, i) => Math.abs(value - victimRow[i]) > 0.5));
});

test('not protected: the same unit with ordinary parameters leaks as well, and nothing but noise is against it', () => {
  const leaked = rowIn(sumUnder([1, 1, 1], -5));
  leaked.forEach((value, i) => {
    assert.ok(Math.abs(value - victimRow[i]) < 1e-9);
  });
});

/** The client at the last place, under a host that lies; what it refused, and how much it sent. */
async function refusal(host: GroupHost, settings: PlayerSettings = {}): Promise<{ code: string; sent: number }> {
  try {
    await player(host, last, settings).run();
  } catch (error) {
    return { code: (error as { code?: string }).code ?? String(error), sent: host.sent.length };
  }
  return { code: 'none', sent: host.sent.length };
}

test('a model with parameters that no training gives is not trained from', async () => {
  for (const value of [2 ** 20 + 1, -(2 ** 24), 1e30, Number.POSITIVE_INFINITY, Number.NaN]) {
    const model = new GroupHost().model.slice();
    model[5] = value;
    assert.deepEqual(await refusal(new GroupHost({ model })), { code: 'group-refused', sent: 0 });
  }
});

test('a model that is not the one in the manifest is not trained from', async () => {
  const host = new GroupHost();
  const crafted = new GroupHost({ model: host.model.map(value => value * 2) });
  const channel: PlayerSettings['channel'] = line => ({
    ...line,
    model: async () => new Uint8Array(Float32Array.from(crafted.model).buffer),
  });
  assert.deepEqual(await refusal(host, { channel }), { code: 'bad-digest', sent: 0 });
});

test('a manifest for another model, other code, other ranges or other words than the task gives is not taken', () => {
  const host = new GroupHost();
  const other = new GroupHost({ model: host.model.map(value => value + 1) });
  const alterations: Partial<GroupManifest>[] = [
    { model: other.manifest.model },
    { code: codeHash('a build that leaks', ports.primitives) },
    { clipNorm: host.manifest.clipNorm * 1000 },
    { scaleBits: host.manifest.scaleBits + 4 },
    { weightMax: 1_000_000 },
    { segments: [...host.manifest.segments, { label: 'figures', words: 100, bits: 32 }] },
    { segments: host.manifest.segments.map(one => ({ ...one, words: one.words + 1 })) },
    { kind: 'evaluate' },
    { round: 2 },
  ];
  for (const changes of alterations) {
    const { group } = host.assignment;
    assert.ok(group !== null);
    const manifest = encodeManifest({ ...host.manifest, ...changes });
    const assignment = { ...host.assignment, group: { ...group, manifest } };
    assert.throws(() => player(host, last, { assignment }), { code: 'bad-request' }, Object.keys(changes).join());
  }
  assert.ok(player(host, last));
});

test('the code of a session is that of the own version: another one makes another manifest', () => {
  const host = new GroupHost();
  assert.throws(() => player(host, last, { member: { build: 'another version' } }), { code: 'bad-request' });
  assert.ok(sameBytes(host.manifest.code, codeHash(build, ports.primitives)));
});

test('an architecture is a name with settings that everybody knows: others cannot be written', () => {
  const base = groupTask();
  for (const model of [
    { name: 'leak', hidden: [3] },
    { name: 'mlp', hidden: [3], activation: 'identity-of-one-row' },
    { name: 'mlp', hidden: [3], activation: 'tanh', layers: [{ type: 'trap' }] },
    { name: 'mlp', hidden: [3], activation: 'tanh', code: 'globalThis' },
  ])
    assert.throws(() => parseTask({ ...base, model }), TaskError);
});
