import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeArrays } from '../../../src/core/bytes/safetensors-arrays.ts';
import { SafetensorsError } from '../../../src/core/bytes/safetensors-error.ts';

/** A file of these tensors, one after the other. */
function file(tensors: Record<string, { dtype: string; shape: number[]; data: ArrayBufferView }>): Uint8Array {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    at += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return Buffer.concat([length, text, ...parts]);
}

test('arrays of bytes, integers and floats are read with their shapes, wherever they lie', () => {
  const arrays = decodeArrays(
    file({
      images: { dtype: 'U8', shape: [1, 1, 3], data: Uint8Array.of(0, 7, 255) },
      scores: { dtype: 'F32', shape: [2], data: Float32Array.of(0.5, -2) },
      labels: { dtype: 'I64', shape: [2], data: BigInt64Array.of(9n, -(2n ** 53n - 1n)) },
      sizes: { dtype: 'I32', shape: [1, 1], data: Int32Array.of(-3) },
      none: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
    }),
  );
  assert.deepEqual(Object.fromEntries(arrays), {
    images: { shape: [1, 1, 3], values: Uint8Array.of(0, 7, 255) },
    scores: { shape: [2], values: Float32Array.of(0.5, -2) },
    labels: { shape: [2], values: Float64Array.of(9, -(2 ** 53 - 1)) },
    sizes: { shape: [1, 1], values: Int32Array.of(-3) },
    none: { shape: [0, 4], values: new Float32Array(0) },
  });
});

test('what cannot be used as it stands is refused', () => {
  for (const [tensor, message] of [
    [{ dtype: 'F64', shape: [1], data: new Float64Array(1) }, /"F64"; only U8, I32, I64, F32 is read/],
    [{ dtype: 'toString', shape: [1], data: new Float64Array(1) }, /dtype "toString"/],
    [{ dtype: 'U8', shape: [2], data: new Uint8Array(3) }, /does not fill its place/],
    [{ dtype: 'I64', shape: [2], data: new Uint8Array(8) }, /does not fill its place/],
    [{ dtype: 'F32', shape: [1], data: Float32Array.of(Infinity) }, /not finite/],
    [{ dtype: 'I64', shape: [1], data: BigInt64Array.of(2n ** 53n) }, /beyond 2\^53/],
  ] as const) {
    const bytes = file({ x: { ...tensor, shape: [...tensor.shape] } });
    assert.throws(
      () => decodeArrays(bytes),
      error => error instanceof SafetensorsError && message.test(error.message),
    );
  }
  const whole = file({ x: { dtype: 'U8', shape: [3], data: new Uint8Array(3) } });
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeArrays(whole.subarray(0, length)), SafetensorsError);
  }
  assert.throws(() => decodeArrays(Buffer.concat([whole, whole])), SafetensorsError);
});
