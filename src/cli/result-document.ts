/** The quality of a run's model in a JSON document: of each client and over all, each beside its baselines. */
import type { RunStatus } from '../coordinator/status.ts';
import type { Judged, Quality } from '../core/learning/quality.ts';

/** @param pooledTraining quality of a model trained on everyone's rows in one place; null where none was. */
export function qualityDocument({ clients, pooled }: RunStatus, pooledTraining: Quality | null): object {
  const ofClients = clients.filter(({ sites }) => sites === null);
  // Of a group the sums are known, and nothing of its members.
  const ofGroups = clients.filter(({ sites }) => sites !== null);
  return {
    clients: ofClients.map(({ client, sites: _, alone, ...judged }) => ({
      name: client,
      ...besideBaselines(judged, { alone }),
    })),
    groups: ofGroups.map(({ client, sites, alone, ...judged }) => ({
      name: client,
      sites,
      ...besideBaselines(judged, { alone }),
    })),
    ...means(ofClients),
    pooled: pooled && besideBaselines(pooled, pooledBaselines(pooled.kind, pooledTraining)),
  };
}

function besideBaselines(judged: Judged, others: object): object {
  if (judged.kind === 'classes') {
    const { majority, ...quality } = judged;
    return { ...quality, baselines: { majority, ...others } };
  }
  const { constantRmse, ...quality } = judged;
  return { ...quality, baselines: { constantRmse, ...others } };
}

function pooledBaselines(kind: Quality['kind'], trained: Quality | null): object {
  if (kind === 'classes') {
    const found = trained?.kind === kind ? trained : null;
    return { pooledTraining: found?.accuracy ?? null, pooledTrainingAuc: found?.auc ?? null };
  }
  const found = trained?.kind === kind ? trained : null;
  return { pooledTrainingMae: found?.mae ?? null, pooledTrainingRmse: found?.rmse ?? null };
}

/** Every client counts the same; nothing is known of them under protection group. */
function means(clients: readonly Judged[]): object {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  if (clients.length === 0) return { meanAccuracy: null };
  const numbers = clients.filter(c => c.kind === 'numbers');
  if (numbers.length > 0) return { meanMae: mean(numbers.map(c => c.mae)), meanRmse: mean(numbers.map(c => c.rmse)) };
  return { meanAccuracy: mean(clients.filter(c => c.kind === 'classes').map(c => c.accuracy)) };
}
