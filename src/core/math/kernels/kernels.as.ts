// Entry of the AssemblyScript build (scripts/kernels.mjs). Each file has a plain TypeScript twin that gives the same bits.
export { product, productTransposed, addTransposedProduct, addProduct, addColumnSums } from './product.as';
export { activate, activationGradient } from './activation.as';
export { logisticLoss, softmaxLoss, squaredLoss, huberLoss, pinballLoss } from './loss.as';
export { regularise, sgdStep, momentumStep, nesterovStep, adamStep } from './step.as';
export { sumOfSquares, addWeighted, divideToFloat } from './sum.as';
export { addRowSquares, dotProduct, scaleRows, addScaled } from './rows.as';
export { transpose, im2col, addCol2im } from './image.as';
export { maxPool, maxPoolGradient, averagePool, averagePoolGradient } from './image.as';
export { packColumns, addPackedProduct } from './packed-product.as';
export { swapOuter, lstmForward, lstmBackward, gruForward, gruBackward } from './recurrent.as';
export { philox, drop } from './mask.as';
export { normalise, normaliseGradient, addScaleGradient } from './normalise.as';
export { gatherTokens, scatterTokens, addTokenSquares } from './token.as';
export { gaussianFill, addGaussian } from './noise.as';
export { discreteGaussianFill, ditherGaussian } from './discrete-gaussian.as';
export { gram } from './gram.as';
export { hadamard } from './hadamard.as';
export { addWords32, addWords16, keepLowBits } from './word-sum.as';
