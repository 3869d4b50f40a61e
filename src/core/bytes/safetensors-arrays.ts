/** Arrays of several number types in a safetensors file: how pictures and labels arrive. Models are read by safetensors.ts. */
import { SafetensorsError } from './safetensors-error.ts';
import { readLayout } from './safetensors-layout.ts';

/** One array. 64-bit integers are read where float64 holds them exactly. */
export interface NumberArray {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Uint8Array | Int32Array | Float32Array | Float64Array;
}

const valueBytes = { U8: 1, I32: 4, I64: 8, F32: 4 };

/**
 * The arrays of a file by name. Refused with SafetensorsError: everything `readLayout` refuses, other types than U8, I32,
 * I64 and F32, numbers that are not finite, and integers beyond ±2^53.
 */
export function decodeArrays(bytes: Uint8Array): ReadonlyMap<string, NumberArray> {
  const { tensors, dataStart } = readLayout(bytes, valueBytes);
  return new Map(
    tensors.map(({ name, dtype, shape, begin, end }) => {
      // A copy by the constructor: `slice` of Node's Buffer copies nothing.
      const { buffer: data } = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end));
      return [name, { shape, values: readValues(name, dtype, data) }];
    }),
  );
}

function readValues(name: string, dtype: string, data: ArrayBuffer): NumberArray['values'] {
  if (dtype === 'U8') return new Uint8Array(data);
  if (dtype === 'I32') return new Int32Array(data);
  if (dtype === 'I64') {
    return Float64Array.from(new BigInt64Array(data), value => {
      if (!Number.isSafeInteger(Number(value)))
        throw new SafetensorsError(`tensor ${JSON.stringify(name)} holds an integer beyond 2^53`);
      return Number(value);
    });
  }
  const values = new Float32Array(data);
  if (!values.every(Number.isFinite))
    throw new SafetensorsError(`tensor ${JSON.stringify(name)} holds a value that is not finite`);
  return values;
}
