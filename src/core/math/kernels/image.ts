/** Kernels over images: rows of pixels, planes of rows. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise. */

/**
 * An output position (y, x) looks at the pixels from (y·stride − padding, x·stride − padding) on; pixels outside the image
 * are 0. An image of `length` pixels has ⌊(length + 2·padding − kernel) / stride⌋ + 1 positions that way.
 */
export interface ImageKernels {
  /**
   * columns[channel, ky, kx][y, x] = the pixel (ky, kx) of what the position looks at, for `rows` rows of positions from
   * `firstRow` on: a matrix of channels·kernel² × rows·positions of a row.
   */
  im2col(
    image: number,
    columns: number,
    channels: number,
    height: number,
    width: number,
    kernel: number,
    stride: number,
    padding: number,
    firstRow: number,
    rows: number,
  ): void;
  /** The adjoint of im2col: every pixel += the columns it went to, ky and kx ascending. */
  addCol2im(
    columns: number,
    image: number,
    channels: number,
    height: number,
    width: number,
    kernel: number,
    stride: number,
    padding: number,
    firstRow: number,
    rows: number,
  ): void;
  /** All values of channel c (channels × positions) become bias[c]; a bias of 0 is none. */
  fillChannels(values: number, bias: number, channels: number, positions: number): void;
  /** sums[c] += the sum of channel c (channels × positions), in 4 lanes. */
  addChannelSums(values: number, sums: number, channels: number, positions: number): void;
  /**
   * The greatest value of each window of size × size, windows `stride` apart, no padding. places (int32; 0: not wanted): where in
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
