/** The one error of the safetensors reader. */

/** Bytes that are not a safetensors file this version reads. The message says what is wrong with the file. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}
