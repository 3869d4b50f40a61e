/** Kernels over images: rows of pixels, planes of rows. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise. */

/**
 * Images here are [height, width, channels]. An output position (y, x) looks at the pixels from (y·stride − padding, x·stride − padding)
 * on; pixels outside the image are 0. A side of `length` pixels has ⌊(length + 2·padding − kernel) / stride⌋ + 1 positions.
 * A line is one row of positions; lines are counted through all images.
 */
export interface ImageKernels {
  /** to (columns × rows) = the transpose of `from` (rows × columns), for `count` matrices one after the other. */
  transpose(from: number, to: number, count: number, rows: number, columns: number): void;
  /** columns[line, x][ky, kx, channel] = what the position looks at, for `lines` lines from `firstLine` on. */
  im2col(
    images: number,
    columns: number,
    channels: number,
    height: number,
    width: number,
    kernel: number,
    stride: number,
    padding: number,
    firstLine: number,
    lines: number,
  ): void;
  /** The adjoint of im2col: every pixel += the columns it went to, positions ascending. */
  addCol2im(
    columns: number,
    images: number,
    channels: number,
    height: number,
    width: number,
    kernel: number,
    stride: number,
    padding: number,
    firstLine: number,
    lines: number,
  ): void;
  /**
   * Pools take planes of one channel. The greatest value of each window of size × size, windows `stride` apart, no padding. places (int32; 0: not wanted): where in
   * its plane it was, the first of equals row by row. A value that is not a number wins, the last of several.
   */
  maxPool(
    planes: number,
    output: number,
    places: number,
    count: number,
    height: number,
    width: number,
    size: number,
    stride: number,
  ): void;
  /** input (count × area) = the sum of the output gradients (count × positions) whose window chose the pixel. */
  maxPoolGradient(
    gradient: number,
    places: number,
    input: number,
    count: number,
    positions: number,
    area: number,
  ): void;
  /** The mean of each window. */
  averagePool(
    planes: number,
    output: number,
    count: number,
    height: number,
    width: number,
    size: number,
    stride: number,
  ): void;
  /** input = the sum of gradient / size² over the windows that hold the pixel. Divides `gradient` in place. */
  averagePoolGradient(
    gradient: number,
    input: number,
    count: number,
    height: number,
    width: number,
    size: number,
    stride: number,
  ): void;
}
