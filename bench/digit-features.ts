/** MNIST through a public feature map: oriented gradients, centred on those of random pen strokes. */
import type { Dataset, SiteData } from '../src/core/data/dataset.ts';
import { copyRows } from '../src/core/data/rows.ts';
import { orientedGradients } from '../src/core/learning/oriented-gradients.ts';
import { penStrokes } from './pen-strokes.ts';

const pixels = 28;
const map = orientedGradients(pixels, pixels, [
  { blur: 0.7, cells: 7, spread: 2 },
  { blur: 1.4, cells: 7, spread: 2.5 },
]);
const strokes = 1000;

/** Every row of this length: the 1 that stands for the bias counts little beside it, when a row's gradient is clipped. */
export const featureNorm = 8;

/** The same digits as 784 features each: no row depends on another one, or on what the digits are. Takes a minute or less. */
export function digitFeatures(digits: SiteData): SiteData {
  const center = strokeFeatures();
  const mapped = (data: Dataset): Dataset => {
    const features = new Float32Array(data.rows * map.width);
    const [image, row] = [new Float32Array(data.width), new Float64Array(map.width)];
    for (let i = 0; i < data.rows; i++) {
      copyRows(data, i, 1, image, 0);
      map.write(image, row, 0);
      let squares = 0;
      for (let k = 0; k < row.length; k++) {
        row[k] -= center[k];
        squares += row[k] * row[k];
      }
      const factor = featureNorm / Math.sqrt(squares);
      for (let k = 0; k < row.length; k++) features[i * map.width + k] = row[k] * factor;
    }
    return { ...data, width: map.width, features };
  };
  return { ...digits, train: mapped(digits.train), test: mapped(digits.test), featureNames: [] };
}

/** Mean features of pen strokes. */
function strokeFeatures(): Float64Array {
  const [center, row] = [new Float64Array(map.width), new Float64Array(map.width)];
  for (const image of penStrokes(strokes)) {
    map.write(image, row, 0);
    for (let k = 0; k < row.length; k++) center[k] += row[k] / strokes;
  }
  return center;
}
