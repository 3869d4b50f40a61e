/** The declared schema of a site's text: its characters, the window, the split. A model predicts the next character at every step. */
import { z } from 'zod';
import { wellFormed } from './well-formed.ts';

/** Code points, of one or two UTF-16 units each. */
const mostCharacters = 4096;

export const textSchema = z
  .strictObject({
    format: z.literal('text'),
    /** The characters that occur, each once: a token is the place of its character here. */
    alphabet: wellFormed.min(1).max(2 * mostCharacters),
    /** A character that is not in the alphabet refuses the text, or becomes one further token. */
    unknown: z.enum(['refuse', 'token']).default('refuse'),
    /** Characters of one row. */
    window: z.number().int().min(2).max(1024),
    /** The last part of the text is for testing. */
    split: z.strictObject({ type: z.literal('tail'), trainFraction: z.number().gt(0).lt(1) }),
  })
  .superRefine(({ alphabet, unknown }, context) => {
    const breach = alphabetBreach(alphabet, unknown);
    if (breach !== null) context.addIssue({ code: 'custom', path: ['alphabet'], message: breach });
  });

export type TextSchema = z.infer<typeof textSchema>;

/** Number of tokens. */
export function vocabularySize({ alphabet, unknown }: TextSchema): number {
  return [...alphabet].length + (unknown === 'token' ? 1 : 0);
}

/** What keeps an alphabet from being one, or null. */
function alphabetBreach(alphabet: string, unknown: 'refuse' | 'token'): string | null {
  const seen = new Set<string>();
  for (const character of alphabet) {
    if (seen.has(character)) return `holds ${JSON.stringify(character)} twice; keep one`;
    seen.add(character);
  }
  if (seen.size > mostCharacters)
    return `has ${seen.size} characters, more than ${mostCharacters}; let unknown: token stand for the rare ones`;
  return seen.size === 1 && unknown === 'refuse'
    ? 'has one character, so there is nothing to predict; add the others, or set unknown to token'
    : null;
}
