/** Images of a site on disk: a folder of IDX files, or one safetensors file. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeArrays, type NumberArray } from '../../core/bytes/safetensors-arrays.ts';
import { SafetensorsError } from '../../core/bytes/safetensors-error.ts';
import type { Dataset } from '../../core/data/dataset.ts';
import type { ImageSchema } from '../../core/data/image-schema.ts';
import { imageRows, type LabelledImages, unlabelledRows } from '../../core/data/image-site.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { readIdxFile } from './idx-file.ts';
import { readPlain } from './plain-chunks.ts';

/** Every image of a site, not split yet. */
export interface ImageData {
  readonly train: Dataset;
  /** The rows of its test files; null where the task splits the others itself. */
  readonly test: Dataset | null;
}

interface Names {
  readonly images: string;
  readonly labels: string;
}

/** What the files of a folder may be called, the plain name first; each with .gz or without. */
const folderNames: Readonly<Record<'train' | 'test', readonly Names[]>> = {
  train: [
    { images: 'images.idx', labels: 'labels.idx' },
    { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  ],
  test: [
    { images: 'test-images.idx', labels: 'test-labels.idx' },
    { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
  ],
};

/** What the arrays of a safetensors file are called. */
const arrayNames: Readonly<Record<'train' | 'test', Names>> = {
  train: { images: 'images', labels: 'labels' },
  test: { images: 'test_images', labels: 'test_labels' },
};

/** True for a path that names the images of one site: a folder with training images, or a .safetensors file. */
export function isImageSite(path: string): boolean {
  return isImageFolder(path) || (isSafetensors(path) && !isFolder(path) && existsSync(path));
}

/** True for a folder with training images. */
export function isImageFolder(path: string): boolean {
  return isFolder(path) && findPair(path, 'train') !== null;
}

/**
 * Reads the images of a site: `images.idx` and `labels.idx` in a folder, or those of MNIST under their published names,
 * each with .gz or without; or the arrays `images` and `labels` of a .safetensors file. Test files are read only where
 * the task splits by files. Throws UserError naming file and remedy for anything missing or unfit.
 */
export async function loadImages(schema: ImageSchema, path: string): Promise<ImageData> {
  const read = isFolder(path) ? folderReader(path) : await arraysReader(path);
  const train = imageRows(schema, await read('train'));
  return { train, test: schema.split.type === 'files' ? imageRows(schema, await read('test')) : null };
}

/**
 * Reads images to predict: the training images of a folder or a .safetensors file, or one IDX file of images, with .gz or
 * without. Labels are not read. Throws UserError naming file and remedy.
 */
export async function loadUnlabelled(
  schema: ImageSchema,
  path: string,
): Promise<Pick<Dataset, 'rows' | 'width' | 'features'>> {
  if (!isFolder(path) && isSafetensors(path)) {
    const images = pixelsNamed(decode(path, await readPlain(path)), arrayNames.train.images, path);
    return unlabelledRows(schema, { images, name: path });
  }
  const file = isFolder(path) ? pairIn(path, 'train').images : path;
  return unlabelledRows(schema, { images: await readIdxFile(file), name: file });
}

type Reader = (side: 'train' | 'test') => Promise<LabelledImages>;

function folderReader(folder: string): Reader {
  return async side => {
    const pair = pairIn(folder, side);
    return { images: await readIdxFile(pair.images), labels: await readIdxFile(pair.labels), name: pair.images };
  };
}

async function arraysReader(path: string): Promise<Reader> {
  const arrays = decode(path, await readPlain(path));
  return async side => {
    const { images: imagesName, labels: labelsName } = arrayNames[side];
    const images = pixelsNamed(arrays, imagesName, path);
    const labels = named(arrays, labelsName, path);
    return { images, labels, name: `${path}, ${imagesName}` };
  };
}

function pixelsNamed(arrays: ReadonlyMap<string, NumberArray>, name: string, path: string): LabelledImages['images'] {
  const { shape, values } = named(arrays, name, path);
  if (values instanceof Uint8Array || values instanceof Float32Array) return { shape, values };
  throw new UserError(path, `has ${name} of whole numbers`, 'Store pixels as U8 or F32.');
}

function decode(path: string, bytes: Uint8Array): ReadonlyMap<string, NumberArray> {
  try {
    return decodeArrays(bytes);
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw new UserError(path, cause.message, 'Write the arrays as safetensors, pixels as U8 or F32.', { cause });
  }
}

function named(arrays: ReadonlyMap<string, NumberArray>, name: string, path: string): NumberArray {
  const array = arrays.get(name);
  if (array !== undefined) return array;
  throw new UserError(path, `holds no array "${name}"`, 'Name the arrays images, labels, test_images, test_labels.');
}

function pairIn(folder: string, side: 'train' | 'test'): Names {
  const pair = findPair(folder, side);
  if (pair !== null) return pair;
  const wanted = folderNames[side].map(({ images, labels }) => `${images} and ${labels}`).join(', or ');
  throw new UserError(folder, `holds no ${side} images`, `Put there ${wanted}; .gz does as well.`);
}

/** Paths of the first pair of files that is there. Half a pair is found as well, so that reading it names what is missing. */
function findPair(folder: string, side: 'train' | 'test'): Names | null {
  for (const names of folderNames[side]) {
    const images = present(folder, names.images);
    const labels = present(folder, names.labels);
    if (images !== null || labels !== null) {
      return { images: images ?? join(folder, names.images), labels: labels ?? join(folder, names.labels) };
    }
  }
  return null;
}

function present(folder: string, name: string): string | null {
  return [name, `${name}.gz`].map(file => join(folder, file)).find(path => existsSync(path)) ?? null;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isSafetensors(path: string): boolean {
  return /\.safetensors$/i.test(path);
}
