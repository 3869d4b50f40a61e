/** CSV as commands write it (RFC 4180, with a line feed at the end of each line). */

/** Lines of CSV; cells that need quotes get them. */
export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map(row => `${row.map(quoted).join(',')}\n`).join('');
}

function quoted(cell: string | number): string {
  const text = String(cell);
  return /[",\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
