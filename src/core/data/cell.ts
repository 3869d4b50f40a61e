/** Reads one trimmed cell: as a number, or as one of declared levels. */

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The decimal number a cell spells, or null for anything else and for numbers beyond float32 (about 3.4e38). */
export function parseNumber(cell: string): number | null {
  if (!decimal.test(cell)) return null;
  const value = Number(cell);
  return Number.isFinite(Math.fround(value)) ? value : null;
}

/** Equal for levels that mean the same: numbers by value ("1.0" and "1"), anything else by its characters. */
export function levelKey(level: string): string {
  // The number is written back as the shortest decimal, which no other number has; + 0 makes −0 zero.
  return decimal.test(level) ? `#${Number(level) + 0}` : level;
}

/** Index of a cell among the levels, or −1. */
export function levelReader(levels: readonly string[]): (cell: string) => number {
  const exact = new Map(levels.map((level, i) => [level.trim(), i]));
  const byKey = new Map(levels.map((level, i) => [levelKey(level.trim()), i]));
  return cell => exact.get(cell) ?? byKey.get(levelKey(cell)) ?? -1;
}
