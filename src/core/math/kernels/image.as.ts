// Images as matrices, and pooling. Twin: image-twin.ts. Rows of pixels go four at a time where strides are 1 or 2, else one by one;
// no sum depends on which.

/** columns = what each position of `rows` output rows from `firstRow` on looks at. */
export function im2col(
  image: usize, columns: usize, channels: i32, height: i32, width: i32, kernel: i32, stride: i32, padding: i32, firstRow: i32, rows: i32,
): void {
  const outWidth = (width + 2 * padding - kernel) / stride + 1;
  for (let c = 0; c < channels; c++, image += height * width * 4) {
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const first = firstInside(kx, stride, padding, outWidth);
        const end = endInside(kx, stride, padding, outWidth, width, first);
        let from = image + ((firstRow * stride + ky - padding) * width + first * stride + kx - padding) * 4;
        for (let y = 0; y < rows; y++, columns += outWidth * 4, from += stride * width * 4) {
          const row = (firstRow + y) * stride + ky - padding;
          if (row < 0 || row >= height) {
            clear(columns, outWidth);
            continue;
          }
          clear(columns, first);
          gather(from, columns + first * 4, end - first, stride);
          clear(columns + end * 4, outWidth - end);
        }
      }
    }
  }
}

/** image += columns, back to where im2col took them from. */
export function addCol2im(
  columns: usize, image: usize, channels: i32, height: i32, width: i32, kernel: i32, stride: i32, padding: i32, firstRow: i32, rows: i32,
): void {
  const outWidth = (width + 2 * padding - kernel) / stride + 1;
  for (let c = 0; c < channels; c++, image += height * width * 4) {
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const first = firstInside(kx, stride, padding, outWidth);
        const end = endInside(kx, stride, padding, outWidth, width, first);
        let to = image + ((firstRow * stride + ky - padding) * width + first * stride + kx - padding) * 4;
        for (let y = 0; y < rows; y++, columns += outWidth * 4, to += stride * width * 4) {
          const row = (firstRow + y) * stride + ky - padding;
          if (row >= 0 && row < height) addSpread(columns + first * 4, to, end - first, stride);
        }
      }
    }
  }
}

/** values[c] = bias[c] at every position; a bias offset of 0 is none. */
export function fillChannels(values: usize, bias: usize, channels: usize, positions: usize): void {
  if (bias == 0) {
    memory.fill(values, 0, channels * positions * 4);
    return;
  }
  for (let c: usize = 0; c < channels; c++) {
    const value = load<f32>(bias + c * 4);
    const four = f32x4.splat(value);
    const vectors = values + (positions & ~3) * 4;
    const end = values + positions * 4;
    for (; values < vectors; values += 16) v128.store(values, four);
    for (; values < end; values += 4) store<f32>(values, value);
  }
}

/** sums[c] += (lane 0 + lane 2) + (lane 1 + lane 3), then the values that fill no four, one by one. */
export function addChannelSums(values: usize, sums: usize, channels: usize, positions: usize): void {
  for (let c: usize = 0; c < channels; c++) {
    let lanes = f32x4.splat(0);
    const vectors = values + (positions & ~3) * 4;
    const end = values + positions * 4;
    for (; values < vectors; values += 16) lanes = f32x4.add(lanes, v128.load(values));
    const pairs = f32x4.add(lanes, v128.shuffle<i64>(lanes, lanes, 1, 0));
    let sum = f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
    for (; values < end; values += 4) sum += load<f32>(values);
    store<f32>(sums + c * 4, load<f32>(sums + c * 4) + sum);
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

// First position of a row whose pixel kx is in the image; and the one behind the last.
function firstInside(kx: i32, stride: i32, padding: i32, outWidth: i32): i32 {
  return kx >= padding ? 0 : min((padding - kx + stride - 1) / stride, outWidth);
}

function endInside(kx: i32, stride: i32, padding: i32, outWidth: i32, width: i32, first: i32): i32 {
  const last = width - 1 + padding - kx;
  return last < 0 ? first : max(first, min(last / stride + 1, outWidth));
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

function clear(at: usize, count: i32): void {
  const end = at + count * 4;
  for (const vectors = at + (count & ~3) * 4; at < vectors; at += 16) v128.store(at, f32x4.splat(0));
  for (; at < end; at += 4) store<f32>(at, 0);
}

// to[i] = from[i·stride].
function gather(from: usize, to: usize, count: i32, stride: i32): void {
  const step = stride * 4;
  if (count < 4 || stride > 2) {
    for (const end = to + count * 4; to < end; to += 4, from += step) store<f32>(to, load<f32>(from));
    return;
  }
  const lastTo = to + count * 4 - 16;
  const lastFrom = from + (count - 4) * step;
  if (stride == 1) {
    for (; to < lastTo; to += 16, from += 16) v128.store(to, v128.load(from));
  } else {
    for (; to < lastTo; to += 16, from += 32) v128.store(to, fourOf(from, 2));
  }
  // The last four overlap the four before.
  v128.store(lastTo, fourOf(lastFrom, stride));
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
