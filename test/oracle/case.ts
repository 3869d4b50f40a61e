/** A small model with values drawn from its name: what both oracles and the engine are asked about. */
import type { LayerSettings } from '../../src/core/learning/layer-settings.ts';
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import { type DataShape, type InputShape, inputWidth, type OutputShape } from '../../src/core/learning/shape.ts';
import { RandomStream } from '../../src/core/math/random.ts';
import { labelsPerRow, type Model, sizeOf, tensorShapes, type Values } from './model.ts';

export interface Case {
  readonly name: string;
  readonly shape: DataShape;
  readonly model: Model;
  /** All but the masks are float32 values. */
  readonly values: Values & {
    readonly parameters: Float32Array;
    readonly inputs: Float32Array;
    readonly labels: Float32Array;
  };
}

export interface CaseSettings {
  readonly input: InputShape;
  readonly output: OutputShape;
  readonly loss: LossSettings;
  readonly layers: readonly LayerSettings[];
}

const rows = 3;

export function makeCase(name: string, { input, output, loss, layers }: CaseSettings): Case {
  const stream = new RandomStream(new Uint8Array(32)).split(name);
  const model = { layers, loss, output };
  const draw = (count: number, next: () => number) => Float32Array.from({ length: count }, next);
  const values = {
    parameters: Float32Array.from(layers.flatMap(tensorShapes).flatMap(shape => drawTensor(shape, stream))),
    inputs: draw(rows * inputWidth(input), () =>
      input.kind === 'tokens' ? stream.below(input.vocabulary) : stream.normal(),
    ),
    labels: draw(rows * labelsPerRow(model), () =>
      output.kind === 'classes' ? stream.below(output.classes) : stream.normal(),
    ),
    rows,
    masks: layers
      .filter(layer => layer.type === 'dropout')
      .map(({ width, rate }) => draw(rows * width, () => (stream.float64() < rate ? 0 : 1 / (1 - rate)))),
  };
  return { name, shape: { input, output }, model, values };
}

/** Weights small enough for outputs near 1: a saturated loss has no gradient left to compare in float32. */
function drawTensor(shape: readonly number[], stream: RandomStream): number[] {
  const scale = shape.length === 1 ? 0.6 : 1 / Math.sqrt(sizeOf(shape.slice(1)));
  return Array.from({ length: sizeOf(shape) }, () => scale * stream.normal());
}
