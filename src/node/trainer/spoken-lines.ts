/** What a trainer says on standard error, on its way to the log: so many lines, each of so many bytes, and a number for the rest. */

/** Lines between two calls of `settle`. */
const mostLines = 50;
/** Bytes of a line. */
const mostBytes = 400;

export class SpokenLines {
  readonly #say: (line: string) => void;
  #line: number[] = [];
  #lines = 0;
  #last = '';

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** The last line that was not empty. */
  get last(): string {
    return this.#line.length > 0 ? text(this.#line) : this.#last;
  }

  take(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (byte === 0x0a || byte === 0x0d) this.#end();
      else if (this.#line.length < mostBytes) this.#line.push(byte);
    }
  }

  /** Ends the line under way, tells how many lines were left out, and counts anew. */
  settle(): void {
    this.#end();
    if (this.#lines > mostLines) this.#say(`(${this.#lines - mostLines} more lines were left out)`);
    this.#lines = 0;
  }

  #end(): void {
    const line = text(this.#line);
    this.#line = [];
    if (line === '') return;
    this.#last = line;
    if (++this.#lines <= mostLines) this.#say(line);
  }
}

/** Control characters, which a terminal might obey, become spaces. */
function text(bytes: readonly number[]): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replaceAll(/\p{Cc}/gu, ' ')
    .trimEnd();
}
