/** What training on everyone's rows in one place would reach. Possible here only because the quickstart holds all data. */
import { onlyTable } from '../core/data/only-table.ts';
import { loadSite } from '../core/data/table.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { Task } from '../core/protocol/task.ts';
import { type HeartSite, siteSource } from '../node/data/find-heart.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { pooledBaseline } from '../simulation/pooled-baseline.ts';

/** Each site's rows are scaled as in the federation, so that only the pooling differs. */
export async function trainPooled(task: Task, sites: readonly HeartSite[]): Promise<Evaluation> {
  const schema = onlyTable(task.data, 'quickstart', 'Give it a task for tables.');
  const loaded = await Promise.all(sites.map(site => loadSite(schema, siteSource(site))));
  return pooledBaseline(task, loaded, nodePrimitives);
}
