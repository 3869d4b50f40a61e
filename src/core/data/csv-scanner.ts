/** Cuts CSV text (RFC 4180) into rows and cells. */
import { cellError, rowError } from './table-error.ts';

export interface CsvRow {
  /** Line of the file on which the row begins, from 1: what an editor shows. */
  readonly line: number;
  /** The cells as they stand, quotes resolved, not trimmed. */
  readonly cells: readonly string[];
}

/** Longest line, in bytes, and longest row, in characters. Fits 100,000 columns; bounds what a wrong file can make us hold. */
export const maxLineBytes = 4_194_304;
/** Longest cell, in characters. */
export const maxCellLength = 65_536;

const newline = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;

/** Holds what outlives a call: the place in the file, and a row that a quoted line feed cuts in two. */
export class CsvScanner {
  readonly #file: string;
  readonly #delimiter: number;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** Line under the reader, and line on which the row began. */
  #line = 1;
  #rowLine = 1;
  #cells: string[] = [];
  #rowLength = 0;
  /** Text of the quoted cell being read, or null outside of one. */
  #quoted: string | null = null;
  #started = false;

  constructor(file: string, delimiter: string) {
    this.#file = file;
    this.#delimiter = delimiter.charCodeAt(0);
  }

  /** Bytes that end in a line feed. */
  scan(bytes: Uint8Array): CsvRow[] {
    return this.#rows(this.#decode(bytes));
  }

  /** The last line, which need not end in a line feed. */
  finish(bytes: Uint8Array): CsvRow[] {
    const rows = this.#rows(this.#decode(bytes));
    if (this.#quoted !== null) {
      this.#fail(
        'the quote that opens the cell is never closed',
        'Close the quote, or double each quote inside a cell.',
      );
    }
    if (this.#cells.length > 0) {
      this.#endCell('');
      this.#endRow(rows);
    }
    return rows;
  }

  /** Refuses the line under the reader. */
  failLine(): never {
    throw rowError(
      this.#file,
      this.#line,
      `the line is longer than ${maxLineBytes} bytes`,
      'Check that this is a CSV file and that lines end in LF or CRLF.',
    );
  }

  #rows(text: string): CsvRow[] {
    const rows: CsvRow[] = [];
    let at = 0;
    while (at < text.length) {
      if (this.#quoted !== null) at = this.#inQuotes(text, at, rows);
      else if (text.charCodeAt(at) === quote) {
        this.#quoted = '';
        at++;
      } else at = this.#plain(text, at, rows);
    }
    return rows;
  }

  /** Reads one cell without quotes and what ends it; returns the place after. */
  #plain(text: string, start: number, rows: CsvRow[]): number {
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === this.#delimiter || code === newline) return this.#close(text.slice(start, at), code, at, rows);
      if (code > quote) continue;
      if (code === quote)
        this.#fail(
          'a quote stands inside a cell that does not begin with one',
          'Put the whole cell in quotes, and double the quotes inside it.',
        );
      if (code === 0) this.#fail('the cell holds a NUL character', 'Save the file as UTF-8 text.');
      if (code === carriageReturn) {
        if (text.charCodeAt(at + 1) === newline) return this.#close(text.slice(start, at), newline, at + 1, rows);
        if (at + 1 < text.length)
          this.#fail(
            'a carriage return stands without a line feed',
            'End lines in LF or CRLF, or put the cell in quotes.',
          );
        return this.#close(text.slice(start, at), newline, at, rows);
      }
    }
    return this.#close(text.slice(start), newline, text.length, rows);
  }

  /** Reads on to the closing quote or the end of the text. */
  #inQuotes(text: string, start: number, rows: CsvRow[]): number {
    const end = text.indexOf('"', start);
    this.#quoted += text.slice(start, end < 0 ? text.length : end);
    const quoted = this.#quoted as string; // set by the line above
    if (quoted.length > maxCellLength) this.#failCell();
    if (end < 0) {
      this.#line += lineFeeds(text, start, text.length);
      return text.length;
    }
    this.#line += lineFeeds(text, start, end);
    const after = text.charCodeAt(end + 1);
    if (after === quote) {
      this.#quoted += '"';
      return end + 2;
    }
    this.#quoted = null;
    const skip = after === carriageReturn && (end + 2 === text.length || text.charCodeAt(end + 2) === newline) ? 2 : 1;
    const ender = skip === 2 || end + 1 === text.length ? newline : after;
    if (ender !== this.#delimiter && ender !== newline) {
      this.#fail(
        'text follows the closing quote',
        'Put the delimiter right after the closing quote, or double each quote inside a cell.',
      );
    }
    if (quoted.includes('\0')) this.#fail('the cell holds a NUL character', 'Save the file as UTF-8 text.');
    return this.#close(quoted, ender, end + skip, rows, true);
  }

  /** Ends the cell at the delimiter or line end that stands at `at`. */
  #close(cell: string, ender: number, at: number, rows: CsvRow[], wasQuoted = false): number {
    const isBlankLine = ender === newline && cell === '' && this.#cells.length === 0 && !wasQuoted;
    if (isBlankLine) this.#rowLine = ++this.#line;
    else {
      this.#endCell(cell);
      if (ender === newline) {
        this.#line++;
        this.#endRow(rows);
      }
    }
    return at + 1;
  }

  #endCell(cell: string): void {
    if (cell.length > maxCellLength) this.#failCell();
    this.#rowLength += cell.length + 1;
    if (this.#rowLength > maxLineBytes) this.failLine();
    this.#cells.push(cell);
  }

  #endRow(rows: CsvRow[]): void {
    rows.push({ line: this.#rowLine, cells: this.#cells });
    this.#cells = [];
    this.#rowLength = 0;
    this.#rowLine = this.#line;
  }

  #decode(bytes: Uint8Array): string {
    try {
      const text = this.#utf8.decode(bytes);
      const marked = !this.#started && text.charCodeAt(0) === 0xfeff;
      if (text.length > 0) this.#started = true;
      return marked ? text.slice(1) : text;
    } catch {
      return this.#failUtf8(bytes);
    }
  }

  /** A line feed is never part of a longer UTF-8 sequence, so the broken line can be found by itself. */
  #failUtf8(bytes: Uint8Array): never {
    const isBroken = (line: Uint8Array): boolean => {
      try {
        this.#utf8.decode(line);
        return false;
      } catch {
        return true;
      }
    };
    let start = 0;
    let line = this.#line;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      if (isBroken(bytes.subarray(start, end))) break;
      start = end + 1;
      line++;
    }
    throw rowError(this.#file, line, 'the bytes are not UTF-8 text', 'Save the file as UTF-8.');
  }

  #failCell(): never {
    this.#fail(`the cell is longer than ${maxCellLength} characters`, 'Check the quotes around this place.');
  }

  #fail(what: string, remedy: string): never {
    throw cellError(this.#file, this.#rowLine, this.#cells.length + 1, what, remedy);
  }
}

function lineFeeds(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
