/** Part of suite `utility`: MNIST with each digit hidden. */
import { join } from 'node:path';
import { loadDigits } from './central-digits.ts';
import { digitFeatures, featureNorm } from './digit-features.ts';
import { type BenchResult, finished } from './harness.ts';
import { planTraining, privateResult, trainAndTest } from './private-accuracy.ts';

const runs = 5;
/** In units of rows of norm 1. Found with the first 50,000 training digits, tested on the other 10,000: the test digits chose nothing. */
const clipNorm = 0.1;
const cases = [
  { epsilon: 1.2, target: 0.95, learningRate: 300 },
  { epsilon: 3, target: 0.98, learningRate: 600 },
] as const;

/**
 * `mnist.linear.eps<ε>`: mean test accuracy of softmax regression on oriented gradients (`digit-features.ts`) by DP-SGD with momentum 0.9,
 * batches of 6000 on average, T = 300, δ = 1e-5. ε holds by RDP, as a ledger counts; by the loss distribution it is less.
 */
export async function digitsUtility(folder: string): Promise<BenchResult[]> {
  const site = digitFeatures(await loadDigits(join(folder, 'mnist')));
  const results: BenchResult[] = [];
  for (const { epsilon, target, learningRate } of cases) {
    const begin = performance.now();
    const training = planTraining(
      {
        epsilon,
        countedBy: 'rdp',
        delta: 1e-5,
        samplingRate: 0.1,
        steps: 300,
        clipNorm: clipNorm * featureNorm,
        learningRate: learningRate / featureNorm ** 2,
        momentum: 0.9,
        model: { name: 'logistic' },
      },
      site,
    );
    const accuracies: number[] = [];
    for (let run = 0; run < runs; run++) accuracies.push(await trainAndTest(training, site));
    const seconds = (performance.now() - begin) / 1000;
    const result = privateResult(`mnist.linear.eps${epsilon}`, training, accuracies, { target, seconds });
    finished(result);
    results.push(result);
  }
  return results;
}
