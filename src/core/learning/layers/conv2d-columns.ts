/** Columns of a convolution's images (im2col): what each output position looks at, some lines of positions at a time. */
import type { Layout } from '../../math/kernels/kernels.ts';
import type { Pass } from '../layer.ts';
import type { ConvolutionSettings } from '../layer-settings.ts';

/** Columns are written in chunks of about so many bytes at most, of one line at least. */
const chunkBytes = 256 * 2 ** 10;
/** The columns of all rows of a pass stay in memory from forward to the gradient up to so many bytes; beyond, they are written anew. */
const mostKeptBytes = 8 * 2 ** 20;

/** Columns of the positions `first` to `first + count`, counted through all rows of the pass: count × inner at the byte offset `columns`. */
export type VisitChunk = (columns: number, first: number, count: number) => void;

export interface Columns {
  /** Output positions per row. */
  readonly positions: number;
  /** Values that a position looks at: [kernel, kernel, channels]. */
  readonly inner: number;
  /** Byte offset of the columns of all rows of a pass after `write`; 0 where they do not stay. */
  readonly kept: number;
  /** Writes the columns of `count` rows from row `from` on, and visits them chunk by chunk in order. */
  write(pass: Pass, from: number, count: number, visit: VisitChunk): void;
  /** `write`'s adjoint: `fill` writes a chunk's columns at the byte offset it gets, and they are added to the images at `target`. */
  addBack(pass: Pass, target: number, fill: VisitChunk): void;
}

/** Output height and width. */
export function outputSides({ height, width, kernel, stride, padding }: ConvolutionSettings): [number, number] {
  const side = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  return [side(height), side(width)];
}

/**
 * @param rows rows of a pass at most.
 * @param images byte offset of rows × [height, width, channels].
 * @param keeps whether a gradient will want the columns again.
 */
export function planColumns(
  layout: Layout,
  rows: number,
  settings: ConvolutionSettings,
  images: number,
  keeps: boolean,
): Columns {
  const { channels, height, width, kernel, stride, padding } = settings;
  const [outHeight, outWidth] = outputSides(settings);
  const inner = channels * kernel * kernel;
  const lineBytes = 4 * inner * outWidth;
  const chunkLines = Math.min(rows * outHeight, Math.max(1, Math.floor(chunkBytes / lineBytes)));
  const passBytes = rows * outHeight * lineBytes;
  const kept = keeps && passBytes <= mostKeptBytes ? layout.float32(passBytes / 4) : 0;
  const scratch = layout.float32((chunkLines * lineBytes) / 4);
  const eachChunk = (from: number, count: number, visit: (line: number, lines: number) => void): void => {
    const end = (from + count) * outHeight;
    for (let line = from * outHeight; line < end; line += chunkLines) visit(line, Math.min(chunkLines, end - line));
  };
  const positions = outHeight * outWidth;
  return {
    positions,
    inner,
    kept,
    write({ kernels }, from, count, visit) {
      eachChunk(from, count, (line, lines) => {
        const columns = kept === 0 ? scratch : kept + line * lineBytes;
        kernels.im2col(images, columns, channels, height, width, kernel, stride, padding, line, lines);
        visit(columns, line * outWidth, lines * outWidth);
      });
    },
    addBack({ kernels, rows: count }, target, fill) {
      eachChunk(0, count, (line, lines) => {
        fill(scratch, line * outWidth, lines * outWidth);
        kernels.addCol2im(scratch, target, channels, height, width, kernel, stride, padding, line, lines);
      });
    },
  };
}
