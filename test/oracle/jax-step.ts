/** Training steps of jax-js on its WebAssembly device, compiled as a whole: what the bench holds the engine's steps against. */
import { blockUntilReady, defaultDevice, grad, init, jit, lax, nn, numpy as np, vmap } from '@jax-js/jax';
import { RandomStream } from '../../src/core/math/random.ts';

type Tensor = np.Array;

const learningRate = 0.01;
const clipNorm = 1;

export interface StepRate {
  /** Steps not counted: the first one compiles. */
  readonly warmUp: number;
  readonly steps: number;
}

/** MLP 784-128-10 with relu, batches of 64. Steps/s. */
export function mlpRate(rate: StepRate): Promise<number> {
  return stepsPerSecond(rate, mlpWork(), sgdStep(mlpLoss));
}

/** The same with every example's gradient clipped to length 1, by vmap(grad). Steps/s. */
export function mlpClippedRate(rate: StepRate): Promise<number> {
  return stepsPerSecond(rate, mlpWork(), clippedStep(mlpLoss));
}

/** LSTM of 64 hidden values over 24 steps of 5 features, its last output to one number, squared error, batches of 32. Steps/s. */
export function lstmRate(rate: StepRate): Promise<number> {
  const shapes = [[256, 5], [256, 64], [256], [256], [1, 64], [1]];
  return stepsPerSecond(rate, { shapes, inputs: [32, 24, 5], labels: [32, 1] }, sgdStep(lstmLoss));
}

/** 28 × 28 digits, convolutions 5 × 5 by 2 to 16 and 3 × 3 by 2 to 32 with relu, dense to 10, batches of 64. Steps/s. */
export function cnnRate(rate: StepRate): Promise<number> {
  const shapes = [[16, 1, 5, 5], [16], [32, 16, 3, 3], [32], [10, 800], [10]];
  return stepsPerSecond(rate, { shapes, inputs: [64, 1, 28, 28], labels: [64, 10] }, sgdStep(cnnLoss));
}

function mlpWork(): Work {
  return { shapes: [[128, 784], [128], [10, 128], [10]], inputs: [64, 784], labels: [64, 10] };
}

interface Work {
  readonly shapes: readonly number[][];
  readonly inputs: readonly number[];
  /** Digits as ones among zeros. */
  readonly labels: readonly number[];
}

/** Mean loss over rows. Consumes its arrays. */
type Loss = (parameters: Tensor[], x: Tensor, labels: Tensor) => Tensor;
type Step = (parameters: Tensor[], x: Tensor, labels: Tensor) => Tensor[];

function mlpLoss([weight1, bias1, weight2, bias2]: Tensor[], x: Tensor, labels: Tensor): Tensor {
  const hidden = nn.relu(np.matmul(x, weight1.transpose()).add(bias1));
  return crossEntropy(np.matmul(hidden, weight2.transpose()).add(bias2), labels);
}

function cnnLoss([weight1, bias1, weight2, bias2, weight3, bias3]: Tensor[], x: Tensor, labels: Tensor): Tensor {
  const first = nn.relu(lax.conv(x, weight1, [2, 2], 'VALID').add(bias1.reshape([16, 1, 1])));
  const second = nn.relu(lax.conv(first, weight2, [2, 2], 'VALID').add(bias2.reshape([32, 1, 1])));
  return crossEntropy(np.matmul(second.reshape([-1, 800]), weight3.transpose()).add(bias3), labels);
}

function lstmLoss([weightX, weightH, biasX, biasH, weight, bias]: Tensor[], x: Tensor, labels: Tensor): Tensor {
  const [rows, steps] = x.shape;
  const hidden = weightH.shape[1];
  const fromX = np.matmul(x, weightX.transpose()).add(biasX).add(biasH);
  const across = weightH.transpose();
  let h: Tensor = np.zeros([rows, hidden]);
  let c: Tensor = np.zeros([rows, hidden]);
  for (let step = 0; step < steps; step++) {
    const gates = fromX.ref.slice([], step).add(np.matmul(h, across.ref));
    const [i, f, g, o] = np.split(gates, 4, 1);
    c = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    h = nn.sigmoid(o).mul(np.tanh(c.ref));
  }
  for (const used of [fromX, across, c]) used.dispose();
  return np.square(np.matmul(h, weight.transpose()).add(bias).sub(labels)).mean();
}

function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return nn.logSoftmax(logits, 1).mul(labels).sum(1).mean().neg();
}

function sgdStep(loss: Loss): Step {
  return (parameters, x, labels) => {
    const gradient = grad(loss)(references(parameters), x, labels);
    return parameters.map((values, i) => values.sub(gradient[i].mul(learningRate)));
  };
}

function clippedStep(loss: Loss): Step {
  const ofRow: Loss = (parameters, x, labels) => loss(parameters, np.expandDims(x, 0), np.expandDims(labels, 0));
  return (parameters, x, labels) => {
    const rows = x.shape[0];
    const gradients = vmap(grad(ofRow), [null, 0, 0])(references(parameters), x, labels);
    const flat = gradients.map(each => each.reshape([rows, -1]));
    const squares = flat.map(each => np.square(each.ref).sum(1)).reduce((sum, each) => sum.add(each));
    const weights = np.minimum(np.reciprocal(np.sqrt(squares)).mul(clipNorm), 1).mul(learningRate / rows);
    const moved = parameters.map((values, i) => {
      return values.ref.sub(np.matmul(weights.ref, flat[i]).reshape([...values.shape]));
    });
    for (const used of [weights, ...parameters]) used.dispose();
    return moved;
  };
}

function references(arrays: readonly Tensor[]): Tensor[] {
  return arrays.map(array => array.ref);
}

/** Steps on one batch again and again: no time goes into gathering rows, as it does in the engine's. */
async function stepsPerSecond({ warmUp, steps }: StepRate, { shapes, inputs, labels }: Work, step: Step) {
  await init('wasm');
  defaultDevice('wasm');
  const stream = new RandomStream(new Uint8Array(32).fill(7));
  const draw = (shape: readonly number[], next: () => number) => {
    const count = shape.reduce((product, length) => product * length, 1);
    return np.array(Float32Array.from({ length: count }, next), { shape: [...shape] });
  };
  let parameters: Tensor[] = shapes.map(shape => draw(shape, () => 0.1 * (stream.float32() - 0.5)));
  const x = draw(inputs, () => stream.float32() - 0.5);
  const rowWidth = labels[1];
  let drawn = 0;
  const known = draw(labels, () => (rowWidth === 1 ? stream.normal() : Number(drawn++ % rowWidth === 3)));
  const compiled = jit(step);
  let start = 0;
  for (let i = 0; i < warmUp + steps; i++) {
    if (i === warmUp) start = performance.now();
    parameters = compiled(parameters, x.ref, known.ref);
    await blockUntilReady(parameters);
  }
  const seconds = (performance.now() - start) / 1000;
  for (const used of [x, known, ...parameters]) used.dispose();
  compiled.dispose();
  return steps / seconds;
}
