/** A trainer without data: cheap, deterministic, and different for every client and round. For tests of everything else. */
import type { Manifest } from '../core/learning/parameters.ts';
import type { Evaluation, Trainer, TrainResult } from '../core/learning/trainer.ts';
import { type Clock, pause } from '../core/protocol/ports.ts';
import { streamOf } from './stream.ts';

/** Training examples that the client reports: 10 to 109. */
export function syntheticExamples(client: string): number {
  return 10 + streamOf(0, `examples/${client}`).below(100);
}

/**
 * What training makes of the parameters: a step of a tenth towards a point of this client's own, and some noise of the
 * round. The result depends on every parameter, so that a wrong model shows in all that follow.
 */
export function syntheticStep(client: string, round: number, parameters: Float32Array): Float32Array {
  const home = streamOf(0, `home/${client}`);
  const noise = streamOf(round, `noise/${client}`);
  return parameters.map(value => value + 0.1 * (home.float64() - value) + 0.01 * (noise.float64() - 0.5));
}

/** @param milliseconds virtual time that a round of training takes. */
export function syntheticTrainer(
  client: string,
  manifest: Manifest,
  clock: Clock,
  milliseconds: (round: number) => number,
): Trainer {
  return {
    manifest,
    async train({ parameters, round, signal }): Promise<TrainResult> {
      await pause(clock, milliseconds(round), signal);
      return {
        parameters: syntheticStep(client, round, parameters),
        examples: syntheticExamples(client),
        steps: 1,
        loss: 1 / round,
      };
    },
    async evaluate(parameters): Promise<Evaluation> {
      const examples = 10;
      const correct = Math.abs(Math.round(parameters[0] * 1000)) % (examples + 1);
      return {
        kind: 'classes',
        examples,
        correct,
        logLoss: examples - correct,
        classCounts: [4, 6],
        auc: correct / examples,
        scores: null,
      };
    },
  };
}
