/** The kernels in plain TypeScript: oracle of the SIMD ones, and what runs where WebAssembly SIMD does not. */
import { activateTwin, activationGradientTwin } from './activation-twin.ts';
import { gramTwin } from './gram-twin.ts';
import { hadamardTwin } from './hadamard-twin.ts';
import {
  addCol2imTwin,
  averagePoolGradientTwin,
  averagePoolTwin,
  im2colTwin,
  maxPoolGradientTwin,
  maxPoolTwin,
  transposeTwin,
} from './image-twin.ts';
import type { KernelSource, Kernels } from './kernels.ts';
import { huberLossTwin, logisticLossTwin, pinballLossTwin, softmaxLossTwin, squaredLossTwin } from './loss-twin.ts';
import { maskTwin } from './mask-twin.ts';
import { noiseTwin } from './noise-twin.ts';
import { normaliseTwin } from './normalise-twin.ts';
import { packedProductTwin } from './packed-product-twin.ts';
import {
  addColumnSumsTwin,
  addProductTwin,
  addTransposedProductTwin,
  productTransposedTwin,
  productTwin,
} from './product-twin.ts';
import { recurrentTwin } from './recurrent-twin.ts';
import { addRowSquaresTwin, addScaledTwin, dotProductTwin, scaleRowsTwin } from './rows-twin.ts';
import { adamStepTwin, momentumStepTwin, nesterovStepTwin, regulariseTwin, sgdStepTwin } from './step-twin.ts';
import { addWeightedTwin, divideToFloatTwin, sumOfSquaresTwin } from './sum-twin.ts';
import { tokenTwin } from './token-twin.ts';
import { wordSumTwin } from './word-sum-twin.ts';

/** Kernels over an ordinary ArrayBuffer; nothing is kept after release. */
export const twinKernels: KernelSource = { name: 'twin', acquire: createTwin, release: () => undefined };

function createTwin(bytes: number): Kernels {
  const buffer = new ArrayBuffer(Math.ceil(bytes / 16) * 16);
  const m = new Float32Array(buffer);
  const floats = (offset: number, count: number) => new Float32Array(buffer, offset, count);
  const doubles = (offset: number, count: number) => new Float64Array(buffer, offset, count);
  // Offsets are in bytes; the twins count in float32 values.
  return {
    name: 'twin',
    buffer,
    ...maskTwin(m),
    ...noiseTwin(m),
    ...normaliseTwin(m),
    ...gramTwin(m),
    ...packedProductTwin(m),
    ...recurrentTwin(m),
    ...tokenTwin(m),
    ...wordSumTwin(m),
    product: (a, b, c, rows, inner, columns) => productTwin(m, a / 4, b / 4, c / 4, rows, inner, columns),
    productTransposed: (a, b, bias, c, rows, inner, columns, activation) =>
      productTransposedTwin(m, a / 4, b / 4, bias / 4, c / 4, rows, inner, columns, activation),
    addTransposedProduct: (a, b, c, rows, inner, columns) =>
      addTransposedProductTwin(m, a / 4, b / 4, c / 4, rows, inner, columns),
    addProduct: (a, aOuter, aInner, b, bInner, bOuter, c, stride, rows, inner, columns) =>
      addProductTwin(
        m,
        a / 4,
        aOuter / 4,
        aInner / 4,
        b / 4,
        bInner / 4,
        bOuter / 4,
        c / 4,
        stride / 4,
        rows,
        inner,
        columns,
      ),
    addColumnSums: (a, stride, sums, rows, columns) => addColumnSumsTwin(m, a / 4, stride / 4, sums / 4, rows, columns),
    addRowSquares: (values, stride, sums, rows, width) =>
      addRowSquaresTwin(m, values / 4, stride / 4, doubles(sums, rows), width),
    dotProduct: (a, b, count) => dotProductTwin(m, a / 4, b / 4, count),
    scaleRows: (values, rows, width, weights) => scaleRowsTwin(m, values / 4, rows, width, weights / 4),
    addScaled: (values, target, count, scale) => addScaledTwin(m, values / 4, target / 4, count, scale),
    transpose: (from, to, ...sizes) => transposeTwin(m, from / 4, to / 4, ...sizes),
    im2col: (images, columns, ...settings) => im2colTwin(m, images / 4, columns / 4, ...settings),
    addCol2im: (columns, images, ...settings) => addCol2imTwin(m, columns / 4, images / 4, ...settings),
    maxPool: (planes, output, places, ...settings) => maxPoolTwin(m, planes / 4, output / 4, places / 4, ...settings),
    maxPoolGradient: (gradient, places, input, ...settings) =>
      maxPoolGradientTwin(m, gradient / 4, places / 4, input / 4, ...settings),
    averagePool: (planes, output, ...settings) => averagePoolTwin(m, planes / 4, output / 4, ...settings),
    averagePoolGradient: (gradient, input, ...settings) =>
      averagePoolGradientTwin(m, gradient / 4, input / 4, ...settings),
    activate: (values, count, activation) => activateTwin(m, values / 4, count, activation),
    activationGradient: (values, gradient, count, activation) =>
      activationGradientTwin(m, values / 4, gradient / 4, count, activation),
    logisticLoss: (logits, labels, gradient, rows, batch) =>
      logisticLossTwin(m, logits / 4, labels / 4, gradient / 4, rows, batch),
    softmaxLoss: (logits, labels, gradient, rows, classes, batch) =>
      softmaxLossTwin(m, logits / 4, labels / 4, gradient / 4, rows, classes, batch),
    squaredLoss: (outputs, labels, gradient, count, batch) =>
      squaredLossTwin(m, outputs / 4, labels / 4, gradient / 4, count, batch),
    huberLoss: (outputs, labels, gradient, count, batch, delta) =>
      huberLossTwin(m, outputs / 4, labels / 4, gradient / 4, count, batch, delta),
    pinballLoss: (outputs, labels, gradient, count, stride, batch, level) =>
      pinballLossTwin(m, outputs / 4, labels / 4, gradient / 4, count, stride / 4, batch, level),
    regularise: (gradient, parameters, anchor, count, decay, proximal) =>
      regulariseTwin(m, gradient / 4, parameters / 4, anchor / 4, count, decay, proximal),
    sgdStep: (parameters, gradient, count, rate) => sgdStepTwin(m, parameters / 4, gradient / 4, count, rate),
    momentumStep: (parameters, gradient, velocity, count, rate, momentum) =>
      momentumStepTwin(m, parameters / 4, gradient / 4, velocity / 4, count, rate, momentum),
    nesterovStep: (parameters, gradient, velocity, count, rate, momentum) =>
      nesterovStepTwin(m, parameters / 4, gradient / 4, velocity / 4, count, rate, momentum),
    adamStep: (parameters, gradient, first, second, ...settings) =>
      adamStepTwin(m, parameters / 4, gradient / 4, first / 4, second / 4, ...settings),
    hadamard: (values, count) => hadamardTwin(doubles(values, count)),
    sumOfSquares: (values, count) => sumOfSquaresTwin(floats(values, count)),
    addWeighted: (values, sums, count, weight) => addWeightedTwin(floats(values, count), doubles(sums, count), weight),
    divideToFloat: (sums, output, count, divisor) =>
      divideToFloatTwin(doubles(sums, count), floats(output, count), divisor),
  };
}
