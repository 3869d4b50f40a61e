/** Images as rows: arrays in, train and test rows out. Bytes stay bytes; a pixel is scaled when it is used. */
import { UserError } from '../protocol/problem.ts';
import type { Dataset, SiteData } from './dataset.ts';
import { trainsByHash } from './hash-split.ts';
import type { ImageSchema } from './image-schema.ts';
import { pickRows } from './rows.ts';
import { stratifiedSplit } from './stratified-split.ts';

/** Images and their labels, as they come from files. */
export interface LabelledImages {
  /** [images, channels, height, width], or [images, height, width] for one channel; row-major. */
  readonly images: { readonly shape: readonly number[]; readonly values: Uint8Array | Float32Array };
  /** [images]: class numbers, 0 to classes − 1. */
  readonly labels: { readonly shape: readonly number[]; readonly values: ArrayLike<number> };
  /** Names both in errors. */
  readonly name: string;
}

/**
 * All images as rows, pixels as (value − center) / spread. Bytes are kept, not copied.
 * Throws UserError for other sizes than the schema's, a number of labels that is not that of the images, and labels that
 * are no class.
 */
export function imageRows(schema: ImageSchema, { images, labels, name }: LabelledImages): Dataset {
  const { rows, width, features } = unlabelledRows(schema, { images, name });
  if (labels.shape.length !== 1 || labels.values.length !== rows) {
    throw new UserError(
      name,
      `holds ${rows} images and labels of shape ${labels.shape.join(' × ')}`,
      'Give one label per image.',
    );
  }
  const classes = schema.target.classes.length;
  const classOf = Float32Array.from(labels.values);
  const stray = classOf.findIndex(label => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (stray >= 0) {
    throw new UserError(
      name,
      `image ${stray + 1} has a label that is no class`,
      `Labels are whole numbers from 0 to ${classes - 1}, the places in data.target.classes.`,
    );
  }
  return { rows, width, features, labelWidth: 1, labels: classOf };
}

/** The same without labels: images to predict. */
export function unlabelledRows(
  { channels, height, width, ...schema }: ImageSchema,
  { images, name }: Pick<LabelledImages, 'images' | 'name'>,
): Pick<Dataset, 'rows' | 'width' | 'features'> {
  const pixels = channels * height * width;
  const [rows = 0, ...size] = images.shape;
  const expected = channels === 1 && size.length === 2 ? [height, width] : [channels, height, width];
  if (size.length !== expected.length || !expected.every((side, i) => side === size[i])) {
    const found = size.length === 0 ? 'one number each' : `images of ${size.join(' × ')}`;
    throw new UserError(name, `holds ${found}, the task says ${expected.join(' × ')}`, 'Use images of that size.');
  }
  if (images.values.length !== rows * pixels) {
    throw new UserError(
      name,
      `holds ${images.values.length} pixels for ${rows} images of ${size.join(' × ')}`,
      'Check that the file is whole.',
    );
  }
  return { rows, width: pixels, features: scaled(schema, images.values, name) };
}

/**
 * The site of these rows, split by the task. Train and test rows keep their order.
 *
 * @param test rows of the site's test files; used, and needed, by `split: files` alone.
 * Throws UserError when a side would be empty.
 */
export function imageSite(schema: ImageSchema, rows: Dataset, test: Dataset | null, name: string): SiteData {
  const sides = schema.split.type === 'files' ? { train: rows, test } : splitRows(schema.split, rows, name);
  if (sides.test === null) {
    throw new UserError(name, 'has no test images', 'Add them, or set data.split to stratified.');
  }
  for (const [side, { rows: count }] of Object.entries({ training: sides.train, test: sides.test })) {
    if (count === 0) throw new UserError(name, `has no ${side} image`, 'Add images.');
  }
  return {
    train: sides.train,
    test: sides.test,
    featureNames: [],
    classes: schema.target.classes.length,
    scaler: null,
    droppedRows: 0,
  };
}

function scaled(
  { center, spread }: Pick<ImageSchema, 'center' | 'spread'>,
  values: Uint8Array | Float32Array,
  name: string,
): Dataset['features'] {
  if (values instanceof Uint8Array) {
    return { bytes: values, values: Float32Array.from({ length: 256 }, (_, byte) => (byte - center) / spread) };
  }
  const features = values.map(value => (value - center) / spread);
  if (!features.every(Number.isFinite)) {
    throw new UserError(name, 'holds a pixel that is not a finite number once scaled', 'Check the file.');
  }
  return features;
}

function splitRows(
  { type, trainFraction, seed }: Exclude<ImageSchema['split'], { type: 'files' }>,
  data: Dataset,
  name: string,
): { train: Dataset; test: Dataset } {
  if (type === 'hash') {
    const trains = Array.from({ length: data.rows }, (_, row) =>
      trainsByHash(rowValues(data, row), trainFraction, seed),
    );
    const sideOf = (isTraining: boolean): Dataset =>
      pickRows(
        data,
        trains.flatMap((trainsRow, row) => (trainsRow === isTraining ? [row] : [])),
      );
    return { train: sideOf(true), test: sideOf(false) };
  }
  const trainCount = Math.floor(trainFraction * data.rows);
  if (trainCount < 1 || trainCount === data.rows) {
    throw new UserError(
      name,
      `has ${data.rows} images; split at ${trainFraction}, one side would be empty`,
      'Add images.',
    );
  }
  const { train, test } = stratifiedSplit(data.labels, trainFraction, seed);
  const side = (rows: readonly number[]): Dataset =>
    pickRows(
      data,
      [...rows].sort((a, b) => a - b),
    );
  return { train: side(train), test: side(test) };
}

/** Pixels as they are kept, and the label. */
function* rowValues({ features, width, labels }: Dataset, row: number): Generator<number> {
  const pixels = features instanceof Float32Array ? features : features.bytes;
  yield* pixels.subarray(row * width, (row + 1) * width);
  yield labels[row];
}
