/** What only the quickstart can say, for it holds the rows of all clinics: how good the model is at each, and what pooled training would reach. */
import { trainAlone } from '../client/alone.ts';
import type { ClientQuality } from '../coordinator/status.ts';
import type { SiteData } from '../core/data/dataset.ts';
import { onlyTable } from '../core/data/only-table.ts';
import { loadSite } from '../core/data/table.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import { judged, pooledEvaluation, type Quality, quality } from '../core/learning/quality.ts';
import { encodeTask, initialSeed, type Task, trainingSeed } from '../core/protocol/task.ts';
import { type HeartSite, siteSource } from '../node/data/find-heart.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { pooledBaseline } from '../simulation/pooled-baseline.ts';

export interface Clinic {
  readonly name: string;
  readonly data: SiteData;
}

/** Each clinic's rows as its client reads them. */
export function loadClinics(task: Task, sites: readonly HeartSite[]): Promise<Clinic[]> {
  const schema = onlyTable(task.data, 'quickstart', 'Give it a task for tables.');
  return Promise.all(sites.map(async site => ({ name: site.name, data: await loadSite(schema, siteSource(site)) })));
}

/** The model on the test rows of each clinic, beside what that clinic reaches alone: as its client computes it, and tells nobody under groups. */
export async function qualityAtClinics(
  task: Task,
  clinics: readonly Clinic[],
  parameters: Float32Array,
): Promise<ClientQuality[]> {
  const { sha256 } = nodePrimitives;
  const taskHash = sha256(encodeTask(task));
  const found = await Promise.all(
    clinics.map(async ({ name, data }) => {
      const trainer = createTrainer(task, data);
      const alone = await trainAlone(task, trainer, {
        rounds: task.rounds,
        initialSeed: sha256(initialSeed(task)),
        seedOf: round => sha256(trainingSeed(taskHash, round, name)),
      });
      return { client: name, evaluation: await trainer.evaluate(parameters), alone: quality(alone, 1) };
    }),
  );
  const all = pooledEvaluation(found.map(({ evaluation }) => evaluation));
  if (all === null) return [];
  return found.map(({ client, evaluation, alone }) => ({ client, sites: null, ...judged(evaluation, all, 1), alone }));
}

/** Training on everyone's rows in one place. Each site's rows are scaled as in the federation, so that only the pooling differs. */
export async function pooledQuality(task: Task, clinics: readonly Clinic[]): Promise<Quality> {
  const all = clinics.map(({ data }) => data);
  return quality(await pooledBaseline(task, all, nodePrimitives), 1);
}
