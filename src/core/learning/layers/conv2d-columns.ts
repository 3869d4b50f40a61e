/** Columns of a convolution's images (im2col): what each output position looks at, a few output rows at a time. */
import type { Layout } from '../../math/kernels/kernels.ts';
import type { Pass, Place } from '../layer.ts';
import type { ConvolutionSettings } from '../layer-settings.ts';

/** Columns are written in chunks of about so many bytes at most: of one output row at least. */
const chunkBytes = 256 * 2 ** 10;
/** The columns of all rows of a pass are kept from forward to the gradient up to so many bytes; beyond, they are written twice. */
const mostKeptBytes = 4 * 2 ** 20;

/** Some output rows of one image: [channels·kernel², positions]. */
export interface Chunk {
  readonly firstRow: number;
  readonly rows: number;
  /** First position, and how many. */
  readonly first: number;
  readonly positions: number;
}

export interface Columns {
  /** Output positions of an image. */
  readonly positions: number;
  /** Values that a position looks at. */
  readonly inner: number;
  readonly chunks: readonly Chunk[];
  /** Byte offset of room for one chunk; also where columns are that are not kept. */
  readonly scratch: number;
  /** Writes the columns of a chunk of an image of the pass; returns their byte offset, where they stay if they are kept. */
  write(pass: Pass, row: number, chunk: Chunk): number;
  /** The same columns after `write` of the whole pass. */
  read(pass: Pass, row: number, chunk: Chunk): number;
}

/** Output height and width. */
export function outputSides({ height, width, kernel, stride, padding }: ConvolutionSettings): [number, number] {
  const side = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  return [side(height), side(width)];
}

export function planColumns(settings: ConvolutionSettings, { layout, rows, input, purpose }: Place): Columns {
  const { channels, height, width, kernel, stride, padding } = settings;
  const [outHeight, outWidth] = outputSides(settings);
  const positions = outHeight * outWidth;
  const inner = channels * kernel * kernel;
  const chunks = chunksOf(outHeight, outWidth, inner);
  const imageBytes = 4 * inner * positions;
  const kept = keptOffset(layout, purpose === 'training' ? rows * imageBytes : 0);
  const scratch = layout.float32(inner * chunks[0].positions);
  const write = ({ kernels }: Pass, row: number, chunk: Chunk): number => {
    const target = kept === 0 ? scratch : kept + row * imageBytes + 4 * inner * chunk.first;
    const image = input + 4 * row * channels * height * width;
    const { firstRow, rows: count } = chunk;
    kernels.im2col(image, target, channels, height, width, kernel, stride, padding, firstRow, count);
    return target;
  };
  return {
    positions,
    inner,
    chunks,
    scratch,
    write,
    read: kept === 0 ? write : (_, row, chunk) => kept + row * imageBytes + 4 * inner * chunk.first,
  };
}

/** Depends on the settings alone: the order of sums does too. */
function chunksOf(outHeight: number, outWidth: number, inner: number): Chunk[] {
  const most = Math.min(outHeight, Math.max(1, Math.floor(chunkBytes / (4 * inner * outWidth))));
  const chunks: Chunk[] = [];
  for (let firstRow = 0; firstRow < outHeight; firstRow += most) {
    const rows = Math.min(most, outHeight - firstRow);
    chunks.push({ firstRow, rows, first: firstRow * outWidth, positions: rows * outWidth });
  }
  return chunks;
}

function keptOffset(layout: Layout, bytes: number): number {
  return bytes > 0 && bytes <= mostKeptBytes ? layout.float32(bytes / 4) : 0;
}
