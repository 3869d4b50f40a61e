/** ε over rounds as bars of characters. */
import type { RoundEpsilon } from '../core/privacy/report.ts';
import { printLine } from './output.ts';

/** Points of ε over rounds in a document of --json. */
export const pointsInDocument = 50;

export interface PlotSize {
  /** All that a line may hold, labels included. */
  readonly width: number;
  /** Lines of bars. */
  readonly height: number;
  /** Bars in eighths of a character, as terminals draw them; # elsewhere. */
  readonly eighths: boolean;
}

const fewestColumns = 10;
const mostColumns = 100;
const labelWidth = 8;

/** How large a plot may be, and of what: what stdout is. */
export function plotSize(): PlotSize {
  const isTerminal = process.stdout.isTTY === true && process.env.TERM !== 'dumb';
  return { width: isTerminal ? (process.stdout.columns ?? 80) : 72, height: 8, eighths: isTerminal };
}

/** Prints the plot under a title, and nothing where there is nothing to plot. */
export function printPlot(title: string, points: readonly RoundEpsilon[]): void {
  const lines = plotLines(points, plotSize());
  if (lines.length === 0) return;
  printLine();
  for (const line of [title, ...lines]) printLine(line);
}

/** How many bars fit a line. */
export function barsWithin(width: number): number {
  return Math.max(fewestColumns, Math.min(mostColumns, width - labelWidth - 2));
}

/** The lines of a plot from 0 to the greatest value; the last one names the rounds. None for fewer than two values or without a finite one. */
export function plotLines(points: readonly RoundEpsilon[], size: PlotSize): string[] {
  const greatest = Math.max(...points.map(({ epsilon }) => epsilon));
  if (points.length < 2 || !(greatest > 0 && greatest < Number.POSITIVE_INFINITY)) return [];
  const bars = stretched(points, barsWithin(size.width)).map(({ epsilon }) => (epsilon / greatest) * size.height);
  const lines = Array.from({ length: size.height }, (_, i) => {
    const from = size.height - 1 - i;
    const label = i === 0 ? `ε ${Number(greatest.toPrecision(3))}` : i === size.height - 1 ? '0' : '';
    return `${label.padStart(labelWidth)} │${bars.map(bar => cell(bar - from, size.eighths)).join('')}`.trimEnd();
  });
  const last = `${points[points.length - 1].rounds} rounds`;
  const axis = `${' '.repeat(labelWidth)} └${'─'.repeat(bars.length)}`;
  return [...lines, axis, last.padStart(labelWidth + 2 + bars.length)];
}

/** Few values are drawn as wide bars, as many as fit in whole characters each. */
function stretched<T>(points: readonly T[], columns: number): T[] {
  const each = Math.max(1, Math.floor(columns / points.length));
  return points.slice(0, columns).flatMap(point => new Array<T>(each).fill(point));
}

function cell(filled: number, eighths: boolean): string {
  const part = Math.max(0, Math.min(8, Math.round(filled * 8)));
  if (eighths) return ' ▁▂▃▄▅▆▇█'[part];
  return part >= 4 ? '#' : ' ';
}
