import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawingFrom } from '../../src/cli/audited-client.ts';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { tellCounts } from '../../src/client/noisy-counts.ts';
import type { ClientPorts } from '../../src/client/ports.ts';
import { roundPrivacy } from '../../src/client/private-round.ts';
import type { RoundContext } from '../../src/client/stages.ts';
import type { CsvSchema } from '../../src/core/data/csv-schema.ts';
import type { SiteData } from '../../src/core/data/dataset.ts';
import { pickRows } from '../../src/core/data/rows.ts';
import { loadSite } from '../../src/core/data/table.ts';
import type { TextSchema } from '../../src/core/data/text-schema.ts';
import { textSite } from '../../src/core/data/text-site.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import type { Trainer } from '../../src/core/learning/trainer.ts';
import type { LedgerPort } from '../../src/core/privacy/ledger-port.ts';
import type { Assignment } from '../../src/core/protocol/message.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { privateTraining } from '../../src/node/private-training.ts';
import { memoryClientDisk } from '../../src/simulation/disk.ts';
import { seededBytes } from '../core/privacy/seeded-bytes.ts';
import { dpSgd, privateTask } from '../simulation/private-federation.ts';

const { primitives } = simulationPorts;
const epsilon = 0.5;

type Site = SiteData;
type Row = readonly [a: number, b: number, y: number];

function tableTask(relation: 'add-remove' | 'zero-out'): Task {
  return privateTask({ privacy: { ...dpSgd, relation, sampling: 'all', metrics: { epsilon } } });
}

const textTask = parseTask({
  ...tableTask('zero-out'),
  data: { format: 'text', alphabet: 'abc', window: 4, split: { type: 'tail', trainFraction: 0.5 } },
  model: { name: 'gru', hidden: 2, embedding: 2 },
});

function trainerOf(task: Task, site: Site): Trainer {
  return createTrainer(task, site, { privacy: privateTraining(task) });
}

function zeros(task: Task): Float32Array {
  return new Float32Array(parameterCount(taskManifest(task)));
}

/** The site of a table of these rows, and of some more, of which one trains at least. */
function siteOfRows(task: Task, rows: readonly Row[]): Promise<Site> {
  const lines = ['a,b,y', '0.5,0.25,1', '1,2,-1', '-3,0.125,1', '0.5,-7,-1', ...rows.map(row => row.join(','))];
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return loadSite(task.data as CsvSchema, { name: 'site.csv', chunks: chunks() });
}

function withoutTestRow(site: Site, gone: number): Site {
  const others = Array.from({ length: site.test.rows }, (_, row) => row).filter(row => row !== gone);
  return { ...site, test: pickRows(site.test, others) };
}

/** How far apart the counts of two sites are, in L1 norm. */
async function distance(task: Task, one: Site, other: Site, parameters: Float32Array): Promise<number> {
  const [here, there] = await Promise.all([one, other].map(site => trainerOf(task, site).evaluate(parameters)));
  assert.ok(here.kind === 'classes' && there.kind === 'classes');
  return Math.abs(here.examples - there.examples) + Math.abs(here.correct - there.correct);
}

/** Tells the counts of a trainer, with random bytes of a seed, on this ledger. */
function teller(task: Task, trainer: Trainer, privacy: LedgerPort) {
  const round = task.rounds + 1;
  const assignment: Assignment = {
    kind: 'evaluate',
    model: new Uint8Array(32),
    parameters: zeros(task).length,
    evaluate: true,
    remainingMs: 1000,
    cohort: 1,
    noiseMultiplier: null,
    clipNorm: null,
    group: null,
  };
  const settings = roundPrivacy(task, round, assignment, primitives);
  assert.ok(settings !== null);
  const context = { task, taskId: 'aa'.repeat(32), round } as RoundContext;
  // Of all ports the counts use these alone.
  const ports = { privacy, primitives: drawingFrom(seededBytes(3).randomBytes), step: () => undefined };
  return () => tellCounts(context, settings, trainer, zeros(task), ports as unknown as ClientPorts);
}

/** How far apart counts may be for the noise that is told with them to be `epsilon`-private. */
async function covered(task: Task, site: Site): Promise<number> {
  const evaluation = await trainerOf(task, site).evaluate(zeros(task));
  assert.ok(evaluation.kind === 'classes');
  const trainer = { ...trainerOf(task, site), evaluate: async () => evaluation };
  const reservation = { commit: async () => undefined, release: async () => undefined };
  const tell = teller(task, trainer, { reserve: async () => reservation, find: async () => null });
  const count = 4000;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const { noisyCounts } = await tell();
    sum += Math.abs(noisyCounts.examples - evaluation.examples) + Math.abs(noisyCounts.correct - evaluation.correct);
  }
  // E|X| = 1/sinh r where P(x) ∝ e^(−r·|x|).
  return epsilon / Math.asinh((2 * count) / sum);
}

const number = fc.integer({ min: -40, max: 40 }).map(k => k / 8);
const row: fc.Arbitrary<Row> = fc.tuple(number, number, fc.constantFrom(-1, 1));

test('the noise of counts is for as far as one row of a table moves them, and no row moves them further', async () => {
  for (const relation of ['add-remove', 'zero-out'] as const) {
    const task = tableTask(relation);
    const parameters = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), {
      minLength: zeros(task).length,
      maxLength: zeros(task).length,
    });
    let most = 0;
    const table = fc.array(row, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(table, parameters, async (rows, model) => {
        const [here, there] = [await siteOfRows(task, rows), await siteOfRows(task, rows.slice(1))];
        most = Math.max(most, await distance(task, here, there, Float32Array.from(model)));
      }),
      { seed: 11, numRuns: 150 },
    );
    const scale = await covered(task, await siteOfRows(task, []));
    assert.ok(Math.abs(scale / most - 1) < 0.07, `${relation}: counts move by ${most}, noise is for ${scale}`);
  }
});

test('of a text a row is a window, all of whose characters count', async () => {
  const site = textSite(textTask.data as TextSchema, `${'abcab'.repeat(6)}${'a'.repeat(13)}${'bca'.repeat(6)}`, 'text');
  let most = 0;
  for (let gone = 0; gone < site.test.rows; gone++)
    most = Math.max(most, await distance(textTask, site, withoutTestRow(site, gone), zeros(textTask)));
  const scale = await covered(textTask, site);
  assert.ok(Math.abs(scale / most - 1) < 0.07, `counts move by ${most}, noise is for ${scale}`);
});

test('counts that were drawn are not drawn again, also where a crash took them: the ledger allows their ε once', async () => {
  const task = tableTask('add-remove');
  const trainer = trainerOf(task, await siteOfRows(task, []));
  const { privacy } = memoryClientDisk({}, primitives);
  const tell = teller(task, trainer, privacy);
  await tell();
  await assert.rejects(tell(), (error: unknown) => error instanceof Problem && error.code === 'budget-spent');
});
