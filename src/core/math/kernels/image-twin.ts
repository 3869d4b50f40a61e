/** Twin of image.as.ts: images as matrices and pooling in plain TypeScript, the same bits. Offsets in float32 values. */

type Columns = readonly [
  channels: number,
  height: number,
  width: number,
  kernel: number,
  stride: number,
  padding: number,
  firstLine: number,
  lines: number,
];

/** to = the transposes of `count` matrices rows × columns. */
export function transposeTwin(
  memory: Float32Array,
  from: number,
  to: number,
  count: number,
  rows: number,
  columns: number,
): void {
  for (let n = 0; n < count * rows * columns; n += rows * columns) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) memory[to + n + j * rows + i] = memory[from + n + i * columns + j];
    }
  }
}

/** columns = what each position of `lines` lines from `firstLine` on looks at. */
export function im2colTwin(memory: Float32Array, images: number, columns: number, ...settings: Columns): void {
  visitColumns(settings, (column, pixel) => {
    memory[columns + column] = pixel < 0 ? 0 : memory[images + pixel];
  });
}

/** images += columns, back to where im2col took them from. */
export function addCol2imTwin(memory: Float32Array, columns: number, images: number, ...settings: Columns): void {
  visitColumns(settings, (column, pixel) => {
    if (pixel >= 0) memory[images + pixel] += memory[columns + column];
  });
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

/** Calls with the index of each element of the columns, in order, and of its pixel in the images; −1 outside the image. */
function visitColumns(
  [channels, height, width, kernel, stride, padding, firstLine, lines]: Columns,
  visit: (column: number, pixel: number) => void,
): void {
  const outHeight = Math.floor((height + 2 * padding - kernel) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernel) / stride) + 1;
  let column = 0;
  for (let position = firstLine * outWidth; position < (firstLine + lines) * outWidth; position++) {
    const line = Math.floor(position / outWidth);
    for (let k = 0; k < kernel * kernel; k++) {
      const y = (line % outHeight) * stride + Math.floor(k / kernel) - padding;
      const x = (position % outWidth) * stride + (k % kernel) - padding;
      const isInside = y >= 0 && y < height && x >= 0 && x < width;
      const pixel = (Math.floor(line / outHeight) * height + y) * width + x;
      for (let c = 0; c < channels; c++) visit(column++, isInside ? pixel * channels + c : -1);
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
