/** Twin of image.as.ts: images as matrices and pooling in plain TypeScript, the same bits. Offsets in float32 values. */

const { fround } = Math;

type Columns = readonly [
  channels: number,
  height: number,
  width: number,
  kernel: number,
  stride: number,
  padding: number,
  firstRow: number,
  rows: number,
];

/** columns = what each position of `rows` output rows from `firstRow` on looks at. */
export function im2colTwin(memory: Float32Array, image: number, columns: number, ...settings: Columns): void {
  visitColumns(settings, (column, pixel) => {
    memory[columns + column] = pixel < 0 ? 0 : memory[image + pixel];
  });
}

/** image += columns, back to where im2col took them from. */
export function addCol2imTwin(memory: Float32Array, columns: number, image: number, ...settings: Columns): void {
  visitColumns(settings, (column, pixel) => {
    if (pixel >= 0) memory[image + pixel] += memory[columns + column];
  });
}

/** values[c] = bias[c] at every position; a bias offset of 0 is none. */
export function fillChannelsTwin(
  memory: Float32Array,
  values: number,
  bias: number,
  channels: number,
  positions: number,
): void {
  for (let c = 0; c < channels; c++) {
    memory.fill(bias === 0 ? 0 : memory[bias + c], values + c * positions, values + (c + 1) * positions);
  }
}

/** sums[c] += the sum of the channel, in 4 lanes. */
export function addChannelSumsTwin(
  memory: Float32Array,
  values: number,
  sums: number,
  channels: number,
  positions: number,
): void {
  const whole = positions - (positions % 4);
  for (let c = 0; c < channels; c++) {
    const lanes = new Float32Array(4);
    const at = values + c * positions;
    for (let i = 0; i < whole; i++) lanes[i % 4] += memory[at + i];
    let sum = fround(fround(lanes[0] + lanes[2]) + fround(lanes[1] + lanes[3]));
    for (let i = whole; i < positions; i++) sum = fround(sum + memory[at + i]);
    memory[sums + c] += sum;
  }
}

/** Greatest value of each window and, where places is not 0, its index in the plane. */
export function maxPoolTwin(
  memory: Float32Array,
  planes: number,
  output: number,
  places: number,
  count: number,
  height: number,
  width: number,
  size: number,
  stride: number,
): void {
  const indices = new Int32Array(memory.buffer);
  const outWidth = Math.floor((width - size) / stride) + 1;
  const positions = (Math.floor((height - size) / stride) + 1) * outWidth;
  for (let i = 0; i < count * positions; i++) {
    const plane = planes + Math.floor(i / positions) * height * width;
    const position = i % positions;
    const first = (Math.floor(position / outWidth) * width + (position % outWidth)) * stride;
    let best = first;
    for (let w = 0; w < size * size; w++) {
      const here = first + Math.floor(w / size) * width + (w % size);
      const value = memory[plane + here];
      if (value > memory[plane + best] || Number.isNaN(value)) best = here;
    }
    memory[output + i] = memory[plane + best];
    if (places !== 0) indices[places + i] = best;
  }
}

/** input = the gradients, each at the place that its window chose. */
export function maxPoolGradientTwin(
  memory: Float32Array,
  gradient: number,
  places: number,
  input: number,
  count: number,
  positions: number,
  area: number,
): void {
  const indices = new Int32Array(memory.buffer);
  memory.fill(0, input, input + count * area);
  for (let i = 0; i < count * positions; i++) {
    memory[input + Math.floor(i / positions) * area + indices[places + i]] += memory[gradient + i];
  }
}

/** Mean of each window: the sum from 0, row by row, divided by size². */
export function averagePoolTwin(
  memory: Float32Array,
  planes: number,
  output: number,
  count: number,
  height: number,
  width: number,
  size: number,
  stride: number,
): void {
  const outputs = count * (Math.floor((height - size) / stride) + 1) * (Math.floor((width - size) / stride) + 1);
  memory.fill(0, output, output + outputs);
  visitWindows(count, height, width, size, stride, (pixel, position) => {
    memory[output + position] += memory[planes + pixel];
  });
  for (let i = output; i < output + outputs; i++) memory[i] /= size * size;
}

/** input = the sum over windows of gradient / size². */
export function averagePoolGradientTwin(
  memory: Float32Array,
  gradient: number,
  input: number,
  count: number,
  height: number,
  width: number,
  size: number,
  stride: number,
): void {
  const outputs = count * (Math.floor((height - size) / stride) + 1) * (Math.floor((width - size) / stride) + 1);
  memory.fill(0, input, input + count * height * width);
  for (let i = gradient; i < gradient + outputs; i++) memory[i] /= size * size;
  visitWindows(count, height, width, size, stride, (pixel, position) => {
    memory[input + pixel] += memory[gradient + position];
  });
}

/** Calls with the index of each element of the columns, in order, and of its pixel in the image; −1 outside the image. */
function visitColumns(
  [channels, height, width, kernel, stride, padding, firstRow, rows]: Columns,
  visit: (column: number, pixel: number) => void,
): void {
  const outWidth = Math.floor((width + 2 * padding - kernel) / stride) + 1;
  let column = 0;
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < kernel * kernel; k++) {
      for (let y = firstRow; y < firstRow + rows; y++) {
        const row = y * stride + Math.floor(k / kernel) - padding;
        for (let x = 0; x < outWidth; x++) {
          const at = x * stride + (k % kernel) - padding;
          const isInside = row >= 0 && row < height && at >= 0 && at < width;
          visit(column++, isInside ? (c * height + row) * width + at : -1);
        }
      }
    }
  }
}

/** Calls with every pixel of every window and the window's position: a row of windows after the other, then by place in the window. */
function visitWindows(
  count: number,
  height: number,
  width: number,
  size: number,
  stride: number,
  visit: (pixel: number, position: number) => void,
): void {
  const outHeight = Math.floor((height - size) / stride) + 1;
  const outWidth = Math.floor((width - size) / stride) + 1;
  for (let row = 0; row < count * outHeight; row++) {
    const top = Math.floor(row / outHeight) * height + (row % outHeight) * stride;
    for (let w = 0; w < size * size; w++) {
      const first = (top + Math.floor(w / size)) * width + (w % size);
      for (let x = 0; x < outWidth; x++) visit(first + x * stride, row * outWidth + x);
    }
  }
}
