/** A streaming CSV reader (RFC 4180; LF or CRLF; UTF-8): one chunk in memory, however long the file. */
import { type CsvRow, CsvScanner, maxLineBytes } from './csv-scanner.ts';

/** A table's bytes and the name that errors call it by. */
export interface TableSource {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const newline = 0x0a;

/**
 * Reads rows, one array of them per chunk that completes any. Chunks may end anywhere. Empty lines are passed over.
 * A quote may only open a cell; a byte order mark is passed over. Throws UserError naming file, row and column for
 * broken quoting, a lone carriage return, bytes that are not UTF-8, NUL, and lines or cells beyond the bounds.
 */
export async function* readCsv(source: TableSource, delimiter: string): AsyncGenerator<CsvRow[]> {
  const scanner = new CsvScanner(source.name, delimiter);
  let carry: Uint8Array[] = [];
  let carried = 0;
  for await (const chunk of source.chunks) {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end > 0) {
      yield scanner.scan(concat([...carry, chunk.subarray(0, end)]));
      carry = [];
      carried = 0;
    }
    // Copied: whoever makes the chunks may use its buffer again.
    if (end < chunk.length) carry.push(chunk.slice(end));
    carried += chunk.length - end;
    if (carried > maxLineBytes) scanner.failLine();
  }
  yield scanner.finish(concat(carry));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
