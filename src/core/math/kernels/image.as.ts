// Images as matrices, and pooling. Twin: image-twin.ts. Four values at a time where they lie 1 or 2 apart, else one by one;
// no sum depends on which.

/** to = the transposes of `count` matrices rows × columns. */
export function transpose(from: usize, to: usize, count: usize, rows: usize, columns: usize): void {
  const fromRow = columns * 4;
  const toRow = rows * 4;
  const wholeRows = rows & ~3;
  const wholeColumns = columns & ~3;
  for (let n: usize = 0; n < count; n++, from += rows * fromRow, to += columns * toRow) {
    for (let j: usize = 0; j < wholeColumns; j += 4) {
      let at = to + j * toRow;
      let source = from + j * 4;
      for (const end = at + wholeRows * 4; at < end; at += 16, source += 4 * fromRow) {
        const r0 = v128.load(source);
        const r1 = v128.load(source + fromRow);
        const r2 = v128.load(source + 2 * fromRow);
        const r3 = v128.load(source + 3 * fromRow);
        const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
        const t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
        const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
        const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
        v128.store(at, v128.shuffle<i64>(t0, t2, 0, 2));
        v128.store(at + toRow, v128.shuffle<i64>(t0, t2, 1, 3));
        v128.store(at + 2 * toRow, v128.shuffle<i64>(t1, t3, 0, 2));
        v128.store(at + 3 * toRow, v128.shuffle<i64>(t1, t3, 1, 3));
      }
    }
    transposePart(from, to, 0, wholeRows, wholeColumns, columns, fromRow, toRow);
    transposePart(from, to, wholeRows, rows, 0, columns, fromRow, toRow);
  }
}

/** columns = what each position of `lines` lines from `firstLine` on looks at. */
export function im2col(
  images: usize, columns: usize, channels: i32, height: i32, width: i32, kernel: i32, stride: i32, padding: i32, firstLine: i32, lines: i32,
): void {
  const outHeight = (height + 2 * padding - kernel) / stride + 1;
  const outWidth = (width + 2 * padding - kernel) / stride + 1;
  const rowBytes = width * channels * 4;
  const run = kernel * channels;
  for (let line = firstLine; line < firstLine + lines; line++) {
    const image = images + (line / outHeight) * height * rowBytes;
    const top = (line % outHeight) * stride - padding;
    for (let x = 0; x < outWidth; x++) {
      const left = x * stride - padding;
      let from = image + top * rowBytes + left * channels * 4;
      if (top >= 0 && top + kernel <= height && left >= 0 && left + kernel <= width) {
        for (let ky = 0; ky < kernel; ky++, from += rowBytes, columns += run * 4) copy(from, columns, run);
        continue;
      }
      const first = min(kernel, max(0, -left)) * channels;
      const end = max(first, min(kernel, width - left) * channels);
      for (let row = top; row < top + kernel; row++, from += rowBytes, columns += run * 4) {
        if (row < 0 || row >= height) clear(columns, run);
        else {
          clear(columns, first);
          copy(from + first * 4, columns + first * 4, end - first);
          clear(columns + end * 4, run - end);
        }
      }
    }
  }
}

/** images += columns, back to where im2col took them from. */
export function addCol2im(
  columns: usize, images: usize, channels: i32, height: i32, width: i32, kernel: i32, stride: i32, padding: i32, firstLine: i32, lines: i32,
): void {
  const outHeight = (height + 2 * padding - kernel) / stride + 1;
  const outWidth = (width + 2 * padding - kernel) / stride + 1;
  const rowBytes = width * channels * 4;
  const run = kernel * channels;
  for (let line = firstLine; line < firstLine + lines; line++) {
    const image = images + (line / outHeight) * height * rowBytes;
    const top = (line % outHeight) * stride - padding;
    for (let x = 0; x < outWidth; x++) {
      const left = x * stride - padding;
      const first = min(kernel, max(0, -left)) * channels;
      const end = max(first, min(kernel, width - left) * channels);
      let to = image + top * rowBytes + left * channels * 4 + first * 4;
      for (let row = top; row < top + kernel; row++, to += rowBytes, columns += run * 4) {
        if (row >= 0 && row < height) addSpread(columns + first * 4, to, end - first, 1);
      }
    }
  }
}

/** Greatest value of each window and, where places is not 0, its index in the plane. */
export function maxPool(
  planes: usize, output: usize, places: usize, count: i32, height: i32, width: i32, size: i32, stride: i32,
): void {
  const outHeight = (height - size) / stride + 1;
  const outWidth = (width - size) / stride + 1;
  const lanes = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(stride));
  for (let plane = 0; plane < count; plane++, planes += height * width * 4) {
    for (let y = 0; y < outHeight; y++) {
      const row = y * stride * width;
      if (outWidth < 4) {
        for (let x = 0; x < outWidth; x++) poolOne(planes, row + x * stride, output + x * 4, places == 0 ? 0 : places + x * 4, width, size);
      } else {
        for (let x = 0; x < outWidth; x += 4) {
          // The last four overlap the four before.
          const at = min(x, outWidth - 4);
          const index = row + at * stride;
          let best = fourOf(planes + index * 4, stride);
          let place = i32x4.add(lanes, i32x4.splat(index));
          for (let wy = 0; wy < size; wy++) {
            for (let wx = 0; wx < size; wx++) {
              const here = index + wy * width + wx;
              const values = fourOf(planes + here * 4, stride);
              const wins = v128.or(f32x4.gt(values, best), f32x4.ne(values, values));
              best = v128.bitselect(values, best, wins);
              place = v128.bitselect(i32x4.add(lanes, i32x4.splat(here)), place, wins);
            }
          }
          v128.store(output + at * 4, best);
          if (places != 0) v128.store(places + at * 4, place);
        }
      }
      output += outWidth * 4;
      if (places != 0) places += outWidth * 4;
    }
  }
}

/** input = the gradients, each at the place that its window chose. */
export function maxPoolGradient(gradient: usize, places: usize, input: usize, count: usize, positions: usize, area: usize): void {
  memory.fill(input, 0, count * area * 4);
  for (let plane: usize = 0; plane < count; plane++, input += area * 4) {
    for (const end = gradient + positions * 4; gradient < end; gradient += 4, places += 4) {
      const to = input + load<i32>(places) * 4;
      store<f32>(to, load<f32>(to) + load<f32>(gradient));
    }
  }
}

/** Mean of each window: the sum from 0, row by row, divided by size². */
export function averagePool(planes: usize, output: usize, count: i32, height: i32, width: i32, size: i32, stride: i32): void {
  const outHeight = (height - size) / stride + 1;
  const outWidth = (width - size) / stride + 1;
  memory.fill(output, 0, count * outHeight * outWidth * 4);
  const all = output;
  for (let plane = 0; plane < count; plane++, planes += height * width * 4) {
    for (let y = 0; y < outHeight; y++, output += outWidth * 4) {
      for (let wy = 0; wy < size; wy++) {
        for (let wx = 0; wx < size; wx++) addGathered(planes + ((y * stride + wy) * width + wx) * 4, output, outWidth, stride);
      }
    }
  }
  divide(all, count * outHeight * outWidth, <f32>(size * size));
}

/** input = the sum over windows of gradient / size²: windows row by row, in a row of windows by the pixel's place in them. */
export function averagePoolGradient(gradient: usize, input: usize, count: i32, height: i32, width: i32, size: i32, stride: i32): void {
  const outHeight = (height - size) / stride + 1;
  const outWidth = (width - size) / stride + 1;
  memory.fill(input, 0, count * height * width * 4);
  divide(gradient, count * outHeight * outWidth, <f32>(size * size));
  for (let plane = 0; plane < count; plane++, input += height * width * 4) {
    for (let y = 0; y < outHeight; y++, gradient += outWidth * 4) {
      for (let wy = 0; wy < size; wy++) {
        for (let wx = 0; wx < size; wx++) addSpread(gradient, input + ((y * stride + wy) * width + wx) * 4, outWidth, stride);
      }
    }
  }
}

function transposePart(
  from: usize, to: usize, firstRow: usize, endRow: usize, firstColumn: usize, endColumn: usize, fromRow: usize, toRow: usize,
): void {
  for (let i = firstRow; i < endRow; i++) {
    for (let j = firstColumn; j < endColumn; j++) store<f32>(to + j * toRow + i * 4, load<f32>(from + i * fromRow + j * 4));
  }
}

function poolOne(plane: usize, index: i32, output: usize, place: usize, width: i32, size: i32): void {
  let best = load<f32>(plane + index * 4);
  let at = index;
  for (let wy = 0; wy < size; wy++) {
    for (let wx = 0; wx < size; wx++) {
      const here = index + wy * width + wx;
      const value = load<f32>(plane + here * 4);
      if (value > best || value != value) {
        best = value;
        at = here;
      }
    }
  }
  store<f32>(output, best);
  if (place != 0) store<i32>(place, at);
}

// Values at 0, stride, 2·stride and 3·stride, reading nothing beyond the last.
// @ts-ignore: decorator
@inline
function fourOf(at: usize, stride: i32): v128 {
  if (stride == 1) return v128.load(at);
  if (stride == 2) return v128.shuffle<i32>(v128.load(at), v128.load(at, 12), 0, 2, 5, 7);
  const two = v128.load32_lane(at + stride * 4, v128.load32_zero(at), 1);
  return v128.load32_lane(at + stride * 12, v128.load32_lane(at + stride * 8, two, 2), 3);
}

// @ts-ignore: decorator
@inline
function clear(at: usize, count: i32): void {
  const end = at + count * 4;
  for (const vectors = at + (count & ~3) * 4; at < vectors; at += 16) v128.store(at, f32x4.splat(0));
  for (; at < end; at += 4) store<f32>(at, 0);
}

// @ts-ignore: decorator
@inline
function copy(from: usize, to: usize, count: i32): void {
  if (count < 4) {
    for (const end = to + count * 4; to < end; to += 4, from += 4) store<f32>(to, load<f32>(from));
    return;
  }
  const last = count * 4 - 16;
  for (let at = 0; at < last; at += 16) v128.store(to + at, v128.load(from + at));
  // The last four overlap the four before.
  v128.store(to + last, v128.load(from + last));
}

// to[i] += from[i·stride].
function addGathered(from: usize, to: usize, count: i32, stride: i32): void {
  const end = to + count * 4;
  for (const vectors = to + (count & ~3) * 4; to < vectors; to += 16, from += stride * 16) {
    v128.store(to, f32x4.add(v128.load(to), fourOf(from, stride)));
  }
  for (; to < end; to += 4, from += stride * 4) store<f32>(to, load<f32>(to) + load<f32>(from));
}

// to[i·stride] += from[i].
function addSpread(from: usize, to: usize, count: i32, stride: i32): void {
  const end = from + count * 4;
  const vectors = from + (count & ~3) * 4;
  if (stride == 1) {
    for (; from < vectors; from += 16, to += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  } else if (stride == 2) {
    const even = i32x4(-1, 0, -1, 0);
    const odd = i32x4(0, -1, 0, -1);
    for (; from < vectors; from += 16, to += 32) {
      const x = v128.load(from);
      const lower = v128.load(to);
      const upper = v128.load(to, 12);
      v128.store(to, v128.bitselect(f32x4.add(lower, v128.shuffle<i32>(x, x, 0, 0, 1, 1)), lower, even));
      v128.store(to, v128.bitselect(f32x4.add(upper, v128.shuffle<i32>(x, x, 2, 2, 3, 3)), upper, odd), 12);
    }
  }
  for (; from < end; from += 4, to += stride * 4) store<f32>(to, load<f32>(to) + load<f32>(from));
}

function divide(values: usize, count: usize, divisor: f32): void {
  const end = values + count * 4;
  const four = f32x4.splat(divisor);
  for (const vectors = values + (count & ~3) * 4; values < vectors; values += 16) v128.store(values, f32x4.div(v128.load(values), four));
  for (; values < end; values += 4) store<f32>(values, load<f32>(values) / divisor);
}
