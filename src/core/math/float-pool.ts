/** Vectors that are used again: a large array need not be allocated, zeroed and collected in every round. */

export class FloatPool {
  readonly #capacity: number;
  readonly #free: Float32Array[] = [];
  readonly #own = new WeakSet<ArrayBufferLike>();

  /** @param capacity vectors kept at most; 0 never uses one again. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A vector of that length; what it holds is undefined: write every element. */
  take(length: number): Float32Array {
    const at = this.#free.findIndex(vector => vector.length === length);
    if (at >= 0) return this.#free.splice(at, 1)[0];
    const vector = new Float32Array(length);
    this.#own.add(vector.buffer);
    return vector;
  }

  /** Takes a vector back by its buffer; nobody may use it afterwards. A buffer that is not of this pool is left alone. */
  give(buffer: ArrayBufferLike): void {
    if (this.#own.has(buffer) && this.#free.length < this.#capacity) this.#free.push(new Float32Array(buffer));
  }

  /** True for the buffer of a vector of this pool: what it holds may change. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.#own.has(buffer);
  }
}
