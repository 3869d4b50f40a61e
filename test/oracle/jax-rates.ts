/** Program: steps/s of the trainings of suite `learning` in jax-js, as one JSON object. */
import { cnnRate, lstmRate, mlpClippedRate, mlpRate } from './jax-step.ts';

const rates = {
  'mlp.sgd': await mlpRate({ warmUp: 20, steps: 300 }),
  'mlp.clipped': await mlpClippedRate({ warmUp: 2, steps: 20 }),
  'lstm.sgd': await lstmRate({ warmUp: 3, steps: 40 }),
  'cnn.sgd': await cnnRate({ warmUp: 1, steps: 5 }),
};
process.stdout.write(`${JSON.stringify(rates)}\n`);
