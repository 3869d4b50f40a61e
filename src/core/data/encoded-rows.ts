/** The rows of a table as numbers, growing as they are read: 8 bytes a number, 2 a category, nothing of the text. */

export interface EncodedRow {
  /** Values of the number columns. */
  readonly numbers: Float64Array;
  /** Level index of the category columns. */
  readonly levels: Uint16Array;
  /** Class index or scaled number, NaN where the table does not say. */
  label: number;
  /** True when the split column marks a test row. */
  isTest: boolean;
}

export class EncodedRows {
  #count = 0;
  #capacity = 256;
  readonly #numberWidth: number;
  readonly #levelWidth: number;
  #numbers: Float64Array;
  #levels: Uint16Array;
  #labels = new Float32Array(this.#capacity);
  #tests = new Uint8Array(this.#capacity);
  #lines = new Uint32Array(this.#capacity);

  constructor(numberWidth: number, levelWidth: number) {
    this.#numberWidth = numberWidth;
    this.#levelWidth = levelWidth;
    this.#numbers = new Float64Array(this.#capacity * numberWidth);
    this.#levels = new Uint16Array(this.#capacity * levelWidth);
  }

  get count(): number {
    return this.#count;
  }

  /** Class index or scaled number per row. */
  get labels(): Float32Array {
    return this.#labels.subarray(0, this.#count);
  }

  /** Line of the file per row. */
  get lines(): Uint32Array {
    return this.#lines.subarray(0, this.#count);
  }

  push(row: EncodedRow, line: number): void {
    if (this.#count === this.#capacity) this.#grow();
    const at = this.#count++;
    this.#numbers.set(row.numbers, at * this.#numberWidth);
    this.#levels.set(row.levels, at * this.#levelWidth);
    this.#labels[at] = row.label;
    this.#tests[at] = row.isTest ? 1 : 0;
    this.#lines[at] = line;
  }

  /** Adds the rows of another table of the same columns. */
  append(other: EncodedRows): void {
    for (let row = 0; row < other.count; row++) {
      const encoded = { numbers: other.numbersOf(row), levels: other.levelsOf(row) };
      this.push({ ...encoded, label: other.labels[row], isTest: other.isTest(row) }, other.lines[row]);
    }
  }

  isTest(row: number): boolean {
    return this.#tests[row] === 1;
  }

  numbersOf(row: number): Float64Array {
    return this.#numbers.subarray(row * this.#numberWidth, (row + 1) * this.#numberWidth);
  }

  levelsOf(row: number): Uint16Array {
    return this.#levels.subarray(row * this.#levelWidth, (row + 1) * this.#levelWidth);
  }

  /** All that is kept of a row: numbers, levels, label. */
  valuesOf(row: number): number[] {
    return [...this.numbersOf(row), ...this.levelsOf(row), this.#labels[row]];
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#numbers = copyInto(new Float64Array(this.#capacity * this.#numberWidth), this.#numbers);
    this.#levels = copyInto(new Uint16Array(this.#capacity * this.#levelWidth), this.#levels);
    this.#labels = copyInto(new Float32Array(this.#capacity), this.#labels);
    this.#tests = copyInto(new Uint8Array(this.#capacity), this.#tests);
    this.#lines = copyInto(new Uint32Array(this.#capacity), this.#lines);
  }
}

function copyInto<A extends Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array>(
  target: A,
  source: A,
): A {
  target.set(source);
  return target;
}
