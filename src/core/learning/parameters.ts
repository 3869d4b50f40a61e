/** Parameters: one flat Float32Array plus a manifest that names the tensors in it. */

/** A named tensor inside the flat vector; tensors follow each other in manifest order without gaps, row-major. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

export type Manifest = readonly TensorShape[];

/** Number of float32 values of a manifest. */
export function parameterCount(manifest: Manifest): number {
  return manifest.reduce((sum, tensor) => sum + tensorSize(tensor), 0);
}

/** Number of values of one tensor: the product of its dimensions, 1 for a scalar. */
export function tensorSize(tensor: TensorShape): number {
  return tensor.shape.reduce((product, dimension) => product * dimension, 1);
}

/** True when both manifests name the same tensors with the same shapes in the same order: no broadcast, nothing extra. */
export function sameManifest(a: Manifest, b: Manifest): boolean {
  return (
    a.length === b.length &&
    a.every(
      (tensor, i) =>
        tensor.name === b[i].name &&
        tensor.shape.length === b[i].shape.length &&
        tensor.shape.every((dimension, axis) => dimension === b[i].shape[axis]),
    )
  );
}
