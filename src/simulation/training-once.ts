/** A trainer that works once for all who ask the same of it. */
import type { Trainer, TrainRequest, TrainResult } from '../core/learning/trainer.ts';

interface Asked {
  readonly round: number;
  readonly parameters: Float32Array;
  readonly result: Promise<TrainResult>;
}

/**
 * The client itself and an adversary who knows what it does ask for the same round: it is trained once. The last round is kept.
 * The seed of a round is the client's, so round and parameters say which request it is. Nobody's signal ends the work: another may
 * wait for it.
 */
export class TrainingOnce {
  readonly #trainer: Trainer;
  #last: Asked | null = null;

  constructor(trainer: Trainer) {
    this.#trainer = trainer;
  }

  train({ parameters, model, round, seed, noiseMultiplier }: TrainRequest): Promise<TrainResult> {
    const last = this.#last;
    if (last !== null && last.round === round && isSame(last.parameters, parameters)) return last.result;
    const result = this.#trainer.train({ parameters, model, round, seed, noiseMultiplier });
    this.#last = { round, parameters, result };
    return result;
  }
}

function isSame(a: Float32Array, b: Float32Array): boolean {
  return a === b || (a.length === b.length && a.every((value, k) => Object.is(value, b[k])));
}
