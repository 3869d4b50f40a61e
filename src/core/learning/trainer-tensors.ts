/** Named tensors between Parley and a foreign trainer: safetensors; what comes back must be exactly the model's tensors. */
import { decodeSafetensors } from '../bytes/safetensors.ts';
import { type Manifest, parameterCount, type TensorShape, tensorSize } from './parameters.ts';
import { TrainerBreach } from './trainer-breach.ts';

export interface NamedTensor extends TensorShape {
  /** Row-major. Row numbers are int32: a model holds float32 only. */
  readonly values: Float32Array | Int32Array;
}

/** A message's bytes in parts that follow each other; the parts of tensors are views, not copies. */
export interface TensorBytes {
  readonly bytes: number;
  readonly parts: readonly Uint8Array[];
}

/** Room for the names, shapes and places of an answer, bytes: so much, and so much per tensor beside its name. */
const headerRoom = { always: 65_536, perTensor: 1024 };

/** Writes tensors one after the other, without gaps. Throws RangeError when a shape does not fit its values. */
export function encodeTensors(tensors: readonly NamedTensor[]): TensorBytes {
  let begin = 0;
  const members = tensors.map(({ name, shape, values }) => {
    if (tensorSize({ name, shape }) !== values.length)
      throw new RangeError(`trainer: ${name} has ${values.length} values for the shape [${shape}]`);
    const end = begin + values.byteLength;
    const dtype = values instanceof Float32Array ? 'F32' : 'I32';
    const member = `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
    begin = end;
    return member;
  });
  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  const head = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(text, 8);
  const parts = tensors.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return { bytes: head.length + begin, parts: [head, ...parts] };
}

/** The parameters as the tensors that the manifest names: views, no copies. */
export function namedTensors(manifest: Manifest, parameters: Float32Array): NamedTensor[] {
  let at = 0;
  return manifest.map(({ name, shape }) => {
    const size = tensorSize({ name, shape });
    at += size;
    return { name, shape, values: parameters.subarray(at - size, at) };
  });
}

/** The most bytes that these tensors can need: whoever claims more is not read. */
export function mostTensorBytes(manifest: Manifest): number {
  const names = manifest.reduce((sum, { name }) => sum + headerRoom.perTensor + 6 * name.length, headerRoom.always);
  return names + 4 * parameterCount(manifest);
}

/**
 * Reads exactly the tensors of the manifest, in whatever order they come, as one vector in the manifest's order.
 * Throws TrainerBreach for a missing, additional or misshapen tensor, SafetensorsError for everything that is not finite float32.
 */
export function decodeTensors(bytes: Uint8Array, manifest: Manifest): Float32Array<ArrayBuffer> {
  const file = decodeSafetensors(bytes);
  const found = new Map(namedTensors(file.manifest, file.parameters).map(tensor => [tensor.name, tensor]));
  const expected = new Set(manifest.map(({ name }) => name));
  const stranger = [...found.keys()].find(name => !expected.has(name));
  if (stranger !== undefined) throw new TrainerBreach(`sent the tensor ${shown(stranger)}, which the model has not`);
  const parameters = new Float32Array(parameterCount(manifest));
  let at = 0;
  for (const { name, shape } of manifest) {
    const tensor = found.get(name);
    if (tensor === undefined) throw new TrainerBreach(`did not send the tensor ${shown(name)}`);
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis]))
      throw new TrainerBreach(
        `sent the tensor ${shown(name)} with the shape [${tensor.shape}], the model has [${shape}]`,
      );
    parameters.set(tensor.values, at);
    at += tensor.values.length;
  }
  return parameters;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
