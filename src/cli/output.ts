/** What commands print: results on stdout, progress and diagnostics on stderr. */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Cell = string | number;

/** Prints one JSON document on stdout, and nothing else belongs there. Throws TypeError for a value without a JSON form. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value, null, 2);
  if (text === undefined) throw new TypeError('printJson: the value has no JSON form');
  process.stdout.write(`${text}\n`);
}

/** Prints one line on stdout. */
export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Emphasis for stdout; plain where stdout is no terminal or NO_COLOR is set. */
export function strong(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

/** De-emphasis for stdout; plain where stdout is no terminal or NO_COLOR is set. */
export function faint(text: string): string {
  return styleText('dim', text, { stream: process.stdout });
}

/**
 * Lays rows out in columns two spaces apart, without a line break at the end. The first row is the heading. Columns whose other
 * cells are all numbers (or numerals such as "0.81", "12 %", "–") align right. Numbers print as they are: round before.
 */
export function table(rows: readonly (readonly Cell[])[]): string {
  const columns = Math.max(0, ...rows.map(row => row.length));
  const cells = rows.map(row => Array.from({ length: columns }, (_, i) => String(row[i] ?? '')));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...cells.map(row => displayWidth(row[i]))));
  const numeric = widths.map((_, i) => cells.length > 1 && cells.slice(1).every(row => isNumeral(row[i])));
  return cells
    .map(row =>
      row
        .map((cell, i) => {
          const space = ' '.repeat(widths[i] - displayWidth(cell));
          return numeric[i] ? space + cell : cell + space;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a running command tells a person who waits. */
export interface Progress {
  /** Replaces the current line on a terminal. Elsewhere prints `news`, a line, if there is any and it was not the last news printed. */
  status(text: string, news?: string): void;
  /** Prints a line that stays. */
  line(text: string): void;
  /** Removes the current status line. Call once, also after a failure. */
  end(): void;
}

/** Progress on stderr. On a terminal `status` rewrites one line; elsewhere there is no control sequence of any kind. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const live = stream.isTTY === true && process.env.TERM !== 'dumb';
  let shown = false;
  let last = '';
  const clear = (): void => {
    if (shown) stream.write('\r\x1b[K');
    shown = false;
  };
  return {
    status(text, news = '') {
      if (!live) {
        if (news !== '' && news !== last) stream.write(`${news}\n`);
        last = news;
        return;
      }
      clear();
      stream.write(shorten(text, Math.max(20, (stream.columns ?? 80) - 1)));
      shown = true;
    },
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    end: clear,
  };
}

/**
 * Ends the process quietly when whoever reads our output has gone (`parley … | head`). Installed once, by the entry point.
 * A closed stderr is ignored: it costs messages, not results.
 */
export function endOnBrokenPipe(): void {
  process.stdout.on('error', error => {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    process.exit(0);
  });
  process.stderr.on('error', () => {});
}

function isNumeral(cell: string): boolean {
  return cell === '' || /^(?:[–-]|[+−-]?\d[\d.,]*(?:e[+-]?\d+)?(?: ?%)?)$/.test(cell);
}

/** Printed width of a cell: escape sequences take none. */
function displayWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function shorten(text: string, width: number): string {
  const characters = [...text.replaceAll('\n', ' ')];
  return characters.length <= width ? characters.join('') : `${characters.slice(0, width - 1).join('')}…`;
}
