/** L0: neighbouring data with the same random bytes. What one unit moves is then seen without noise. */
import type { NoiseGrid } from '../privacy/noise-grid.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import type { Relation } from '../protocol/privacy-settings.ts';
import { adversarialRows, adversarialUpdates, ordinaryRows, ordinaryUpdates, updateLength } from './adversarial.ts';
import { fedAvgTask, layerParameters, sgdTask } from './audited-task.ts';
import { type Check, type Wanted, wantedChecks, written } from './check.ts';
import type { Examples } from './examples.ts';
import type { AuditedMechanisms, ClientUpdate } from './mechanisms.ts';
import { seededBytes } from './seeded-bytes.ts';

/** What float64 may lose while a difference is measured. */
const rounding = 1 + 1e-9;

export function replayLayer(mechanisms: AuditedMechanisms, wanted: Wanted): Promise<Check[]> {
  const updates = `${Object.keys(adversarialUpdates).length} kinds of updates`;
  const rows = `${Object.keys(adversarialRows).length} kinds of rows`;
  return wantedChecks('L0', wanted, {
    'a contribution is clipped as a whole, whatever it holds': [updates, () => clipFaults(mechanisms)],
    'a contribution on the grid is within its bound': [updates, () => gridFaults(mechanisms)],
    'one row moves a noisy sum by at most Δ': [rows, () => rowFaults(mechanisms)],
    'an empty batch is a step like any other': ['20 steps, other rows', () => emptyFaults(mechanisms)],
    'one client moves a noisy sum by at most Δ': [updates, () => updateFaults(mechanisms)],
    'an adaptive clip bound finds the median': ['40 rounds from 0.1 and from 10', () => adaptiveFaults(mechanisms)],
    'nothing but the tensor tells of the rows': ['two sites', () => reportFaults(mechanisms)],
  });
}

async function clipFaults({ clip }: AuditedMechanisms): Promise<string[]> {
  const attempts = Object.entries(adversarialUpdates).map(([name, { parts }]) =>
    caught(name, () => {
      const clipped = clip(parts, 1);
      if (clipped.length !== parts.length || clipped.some((part, i) => part.length !== parts[i].length))
        return 'has another shape';
      return tooLong(clipped, 1);
    }),
  );
  return (await Promise.all(attempts)).flat();
}

async function gridFaults({ roundUpdate, grid }: AuditedMechanisms): Promise<string[]> {
  const { plan } = fedAvgTask({ noiseMultiplier: 1, clip: 1, noiseAt: 'client', dimension: updateLength });
  const lattice = grid(plan, 1, 1);
  const attempts = Object.entries(adversarialUpdates).map(([name, { parts }]) =>
    caught(name, () => {
      const steps = roundUpdate(flat(parts), 1, lattice, seededBytes('round').randomBytes);
      return tooLong([Float64Array.from(steps)], lattice.contributionSteps);
    }),
  );
  return (await Promise.all(attempts)).flat();
}

async function rowFaults(mechanisms: AuditedMechanisms): Promise<string[]> {
  const bases: Readonly<Record<string, Examples['rows']>> = {
    'one other row': ordinaryRows.slice(0, 1),
    'a batch of several parts': ordinaryRows,
    'copies of it': new Array(3).fill(adversarialRows['a long gradient']),
  };
  const audited = sgdTask({ model: 'layers', noiseMultiplier: 1, clipNorm: 0.7, batchSize: 128 });
  const delta = sensitivityOf(mechanisms.grid(audited.plan, 1, 0.7));
  const releases = async (rows: Examples['rows'], randomBytes: RandomBytes): Promise<Float64Array> => {
    const sums: Float64Array[] = [];
    await mechanisms.train({ audited, examples: { rows }, randomBytes, onSum: sum => sums.push(sum.slice()) });
    return flat(sums);
  };
  const faults: string[] = [];
  for (const [baseName, base] of Object.entries(bases))
    for (const [name, row] of Object.entries(adversarialRows))
      faults.push(
        ...(await caught(`${name} with ${baseName}`, () =>
          replayed(
            random => releases(base, random),
            random => releases([...base, row], random),
            layerParameters,
            delta,
          ),
        )),
      );
  return faults;
}

async function emptyFaults(mechanisms: AuditedMechanisms): Promise<string[]> {
  const steps = 20;
  const audited = sgdTask({ model: 'layers', noiseMultiplier: 1, samplingRate: 1e-9, steps, batchSize: 16 });
  const releases = async (first: number, randomBytes: RandomBytes): Promise<Float64Array> => {
    const sums: Float64Array[] = [];
    const examples = { rows: ordinaryRows.slice(first, first + 3) };
    await mechanisms.train({ audited, examples, randomBytes, onSum: sum => sums.push(sum.slice()) });
    return flat(sums);
  };
  return caught('batches of no rows', () =>
    replayed(
      random => releases(0, random),
      random => releases(3, random),
      steps * layerParameters,
      0,
    ),
  );
}

async function updateFaults(mechanisms: AuditedMechanisms): Promise<string[]> {
  const bases = { 'no others': [], 'three others': ordinaryUpdates };
  const relations: readonly Relation[] = ['add-remove', 'zero-out', 'replace'];
  const faults: string[] = [];
  for (const relation of relations) {
    const audited = fedAvgTask({ noiseMultiplier: 1, clip: 1, relation, dimension: updateLength });
    const delta = sensitivityOf(mechanisms.grid(audited.plan, 1, 1));
    const release = async (updates: readonly ClientUpdate[], randomBytes: RandomBytes): Promise<Float64Array> =>
      (await mechanisms.updateRound({ audited, clipNorm: 1, updates, randomBytes })).sum;
    for (const [baseName, base] of Object.entries(bases))
      for (const [name, update] of Object.entries(adversarialUpdates))
        faults.push(
          ...(await caught(`${name} beside ${baseName} (${relation})`, () =>
            replayed(
              random => release(without(base, update, relation), random),
              random => release([...base, update], random),
              updateLength,
              delta,
            ),
          )),
        );
  }
  return faults;
}

/** The neighbour: the update left out, all zeros, or turned round. */
function without(base: readonly ClientUpdate[], update: ClientUpdate, relation: Relation): readonly ClientUpdate[] {
  if (relation === 'add-remove') return base;
  const factor = relation === 'zero-out' ? 0 : -1;
  return [...base, { ...update, parts: update.parts.map(part => part.map(x => (x * factor === 0 ? 0 : x * factor))) }];
}

async function adaptiveFaults({ updateRound }: AuditedMechanisms): Promise<string[]> {
  const clip = { initial: 0.1, bitNoise: 0.5 };
  const audited = fedAvgTask({ noiseMultiplier: 0.1, clip, dimension: updateLength, cohort: 5 });
  const updates = Array.from({ length: 5 }, (_, i): ClientUpdate => {
    const parts = adversarialUpdates.zero.parts.map(part => part.slice());
    parts[0][0] = 1 + i / 4;
    return { parts, examples: 1 };
  });
  const { randomBytes } = seededBytes('adaptive');
  const faults: string[] = [];
  // Andrew et al. 2021: the bound settles at the median of the norms.
  for (const start of [0.1, 10])
    faults.push(
      ...(await caught(`from ${start}`, async () => {
        let clipNorm = start;
        for (let round = 0; round < 40; round++)
          clipNorm = (await updateRound({ audited, clipNorm, updates, randomBytes })).nextClip;
        return clipNorm > 1.1 && clipNorm < 2.1 ? null : `the bound is ${written(clipNorm)}, the median norm 1.5`;
      })),
    );
  return faults;
}

async function reportFaults({ report }: AuditedMechanisms): Promise<string[]> {
  const tasks = {
    'dp-sgd': sgdTask({ model: 'layers', noiseMultiplier: 1, batchSize: 128, steps: 5 }),
    'dp-fedavg': fedAvgTask({ noiseMultiplier: 1, clip: 1, dimension: updateLength }),
  };
  const faults: string[] = [];
  for (const [name, audited] of Object.entries(tasks)) {
    const first = await report(audited, { examples: 100, steps: 5, loss: 0.69 });
    const second = await report(audited, { examples: 101, steps: 6, loss: 0.71 });
    for (const key of new Set([...Object.keys(first), ...Object.keys(second)])) {
      const [one, other] = [JSON.stringify(first[key]), JSON.stringify(second[key])];
      if (one !== other) faults.push(`${name}: ${key} leaves, ${one} and ${other}`);
    }
  }
  return faults;
}

function sensitivityOf({ sensitivitySteps, step }: NoiseGrid): number {
  return sensitivitySteps * step;
}

/** Words that rounding takes more of than usual, once in 2^15 values, bring two releases out of step: then other bytes are tried. */
const labels = ['replay', 'replay again', 'replay a third time'];

/** Two releases with the same bytes: as long, as many bytes drawn, and no further apart than Δ. */
async function replayed(
  first: (random: RandomBytes) => Promise<Float64Array>,
  second: (random: RandomBytes) => Promise<Float64Array>,
  length: number,
  delta: number,
): Promise<string | null> {
  let fault: string | null = null;
  for (const label of labels) {
    const [one, other] = [seededBytes(label), seededBytes(label)];
    const [a, b] = [await first(one.randomBytes), await second(other.randomBytes)];
    if (a.length !== length || b.length !== length) return `releases ${a.length} and ${b.length} values of ${length}`;
    fault =
      one.drawn() === other.drawn()
        ? tooLong([a.map((x, i) => x - b[i])], delta)
        : `draws ${one.drawn()} and ${other.drawn()} random bytes`;
    if (fault === null) return null;
  }
  return fault;
}

function tooLong(parts: readonly Float64Array[], bound: number): string | null {
  const norm = Math.hypot(...parts.flatMap(part => [...part]));
  return norm <= bound * rounding ? null : `has the norm ${written(norm)}, the bound is ${written(bound)}`;
}

function flat(parts: readonly Float64Array[]): Float64Array {
  return Float64Array.from(parts.flatMap(part => [...part]));
}

async function caught(name: string, attempt: () => string | null | Promise<string | null>): Promise<string[]> {
  try {
    const fault = await attempt();
    return fault === null ? [] : [`${name}: ${fault}`];
  } catch (error) {
    return [`${name}: stops with ${error instanceof Error ? error.message : String(error)}`];
  }
}
