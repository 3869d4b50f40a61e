/** The only figures about test rows that a private task lets leave: how many, and how many right, with noise, once. */
import { dataShape } from '../core/data/data-shape.ts';
import { positions } from '../core/learning/loss-settings.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import type { Reservation } from '../core/privacy/ledger-port.ts';
import { addDiscreteLaplace, type NoisyCounts, pureEvent } from '../core/privacy/randomizers.ts';
import { secretBytes } from '../core/privacy/secret-bytes.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { ClientPorts } from './ports.ts';
import type { RoundContext, RoundPrivacy } from './stages.ts';

/** What was told, and what was spent for it. */
export interface ToldCounts {
  readonly noisyCounts: NoisyCounts;
  readonly reservation: Reservation;
}

/**
 * Counts with discrete Laplace noise, `metrics.epsilon`-private for each test row, reserved before the noise is drawn. Also a site without
 * test rows answers. Throws Problem `budget-spent`, UserError for a task that tells no counts of classes.
 */
export async function tellCounts(
  context: RoundContext,
  privacy: RoundPrivacy,
  trainer: Trainer,
  parameters: Float32Array,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<ToldCounts> {
  const { task, taskId, round } = context;
  const settings = privacy.plan.privacy;
  const { output } = dataShape(task.data);
  if (settings.mechanism !== 'dp-sgd' || settings.metrics === null || output.kind !== 'classes')
    throw new UserError('privacy.metrics', 'this task has no counts to tell', 'Use a task that predicts classes.');
  const { epsilon } = settings.metrics;
  const evaluation = await trainer.evaluate(parameters, signal);
  const { examples } = evaluation;
  const correct = evaluation.kind === 'classes' ? evaluation.correct : 0;
  const reservation = await ports.privacy.reserve({
    task: taskId,
    plan: privacy.planHash,
    round,
    purpose: 'evaluate',
    unit: settings.unit,
    relation: settings.relation,
    event: pureEvent(epsilon),
    limit: { epsilon, delta: settings.delta },
    isFixed: true,
  });
  await ports.step('ledger-reserved');
  // A row is as many predictions as it has places, and all may be right: a row that is gone, or that trains instead, moves both counts by so
  // many. Another row in its place moves only the second, and no row moves them further.
  const sensitivity = 2 * positions(output);
  const [all, right] = addDiscreteLaplace([examples, correct], sensitivity, epsilon, secretBytes(ports.primitives));
  return { noisyCounts: { examples: all, correct: right }, reservation };
}
