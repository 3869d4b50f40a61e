/** Rows of data sets: copied out, picked, joined. */
import type { ByteFeatures, Dataset, Features } from './dataset.ts';

/**
 * Copies the features of `count` rows from `row` on into `target` from place `at`, row after row, as float32.
 * Throws RangeError for rows that are not there or that `target` cannot take.
 */
export function copyRows(
  { width, features }: Pick<Dataset, 'width' | 'features'>,
  row: number,
  count: number,
  target: Float32Array,
  at: number,
): void {
  const from = row * width;
  const end = from + count * width;
  if (!(row >= 0 && count >= 0 && end <= valueCount(features))) {
    throw new RangeError(`rows: there are no rows ${row} to ${row + count - 1}`);
  }
  if (features instanceof Float32Array) {
    target.set(features.subarray(from, end), at);
    return;
  }
  if (at + end - from > target.length) throw new RangeError(`rows: ${count} rows do not fit`);
  const { bytes, values } = features;
  for (let i = from, j = at; i < end; i++, j++) target[j] = values[bytes[i]];
}

/** Number of values held. */
export function valueCount(features: Features): number {
  return features instanceof Float32Array ? features.length : features.bytes.length;
}

/** So many rows from `row` on, as views. Throws RangeError for rows that are not there. */
export function rowRange({ rows, width, features, labelWidth, labels }: Dataset, row: number, count: number): Dataset {
  if (!(row >= 0 && count >= 0 && row + count <= rows)) {
    throw new RangeError(`rows: there are no rows ${row} to ${row + count - 1}`);
  }
  const [from, to] = [row * width, (row + count) * width];
  return {
    rows: count,
    width,
    features:
      features instanceof Float32Array
        ? features.subarray(from, to)
        : { ...features, bytes: features.bytes.subarray(from, to) },
    labelWidth,
    labels: labels.subarray(row * labelWidth, (row + count) * labelWidth),
  };
}

/** The named rows, in the order given, copied. Throws RangeError for a row that is not there. */
export function pickRows(data: Dataset, indices: ArrayLike<number>): Dataset {
  const { width, features, labelWidth, labels } = data;
  for (let i = 0; i < indices.length; i++) {
    if (!(indices[i] >= 0 && indices[i] < data.rows)) throw new RangeError(`rows: there is no row ${indices[i]}`);
  }
  return {
    rows: indices.length,
    width,
    features:
      features instanceof Float32Array
        ? pick(features, new Float32Array(indices.length * width), width, indices)
        : { ...features, bytes: pick(features.bytes, new Uint8Array(indices.length * width), width, indices) },
    labelWidth,
    labels: pick(labels, new Float32Array(indices.length * labelWidth), labelWidth, indices),
  };
}

/**
 * The rows of one data set after those of the other. Bytes stay bytes where all parts hold bytes of one meaning.
 * Throws RangeError for none, or for parts of different width.
 */
export function joinRows(parts: readonly Dataset[]): Dataset {
  if (parts.length === 0) throw new RangeError('joinRows: no data set');
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const { width, labelWidth } = parts[0];
  const labels = new Float32Array(rows * labelWidth);
  let row = 0;
  for (const part of parts) {
    if (part.width !== width || part.labelWidth !== labelWidth) {
      throw new RangeError(
        `joinRows: ${width} features and ${labelWidth} labels in one part, ${part.width} and ${part.labelWidth} in another`,
      );
    }
    labels.set(part.labels, row * labelWidth);
    row += part.rows;
  }
  return { rows, width, features: joinFeatures(parts, rows * width), labelWidth, labels };
}

function pick<A extends Float32Array | Uint8Array>(source: A, target: A, width: number, indices: ArrayLike<number>): A {
  for (let i = 0; i < indices.length; i++) {
    target.set(source.subarray(indices[i] * width, (indices[i] + 1) * width), i * width);
  }
  return target;
}

function joinFeatures(parts: readonly Dataset[], count: number): Features {
  const first = parts[0].features;
  const asBytes = parts.map(({ features }) => features).filter(features => isLike(features, first));
  let at = 0;
  if (asBytes.length === parts.length) {
    const bytes = new Uint8Array(count);
    for (const part of asBytes) {
      bytes.set(part.bytes, at);
      at += part.bytes.length;
    }
    return { bytes, values: asBytes[0].values };
  }
  const joined = new Float32Array(count);
  for (const part of parts) {
    copyRows(part, 0, part.rows, joined, at);
    at += part.rows * part.width;
  }
  return joined;
}

/** True where both hold bytes that stand for the same values. */
function isLike(features: Features, other: Features): features is ByteFeatures {
  if (features instanceof Float32Array || other instanceof Float32Array) return false;
  return features.values.every((value, byte) => value === other.values[byte]);
}
