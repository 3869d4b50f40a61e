/** The speaking roles of a play: who says what. */
import { UserError } from '../protocol/problem.ts';

export interface SpeakingRole {
  readonly name: string;
  /** All that the role says, in the order of the play; a line feed between two speeches. */
  readonly text: string;
}

/**
 * Splits a play into roles, in the order of their first words. A play is speeches with empty lines between them; each
 * begins with a line that names its role and ends in a colon, which belongs to no text.
 * Throws UserError naming the line where a speech names no role, and for line ends that are no single line feeds.
 */
export function splitRoles(play: string, file: string): SpeakingRole[] {
  if (play.includes('\r')) {
    throw new UserError(file, 'has carriage returns', 'Save it with line feeds alone (LF, not CR LF).');
  }
  const speeches = new Map<string, string[]>();
  for (const { text, line } of paragraphs(play)) {
    const end = text.indexOf('\n');
    const heading = end < 0 ? text : text.slice(0, end);
    if (!/^[^\n:]+:$/.test(heading)) {
      throw new UserError(
        `${file}:line ${line}`,
        'names no role',
        'Begin each speech with a line "ROLE:", and put an empty line before it.',
      );
    }
    const name = heading.slice(0, -1).trim();
    const own = speeches.get(name) ?? [];
    speeches.set(name, own);
    if (end >= 0) own.push(text.slice(end + 1));
  }
  return [...speeches].map(([name, own]) => ({ name, text: own.join('\n') }));
}

/** The parts of a text between empty lines, with the line each begins on, from 1. Line feeds at either end are left out. */
export function paragraphs(text: string): { readonly text: string; readonly line: number }[] {
  const found: { text: string; line: number }[] = [];
  let line = 1;
  for (const [i, part] of text.split(/(\n{2,})/).entries()) {
    const inner = part.replace(/^\n+|\n+$/g, '');
    if (i % 2 === 0 && inner !== '') found.push({ text: inner, line: line + (part.startsWith('\n') ? 1 : 0) });
    line += part.split('\n').length - 1;
  }
  return found;
}
