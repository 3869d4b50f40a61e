/** The declared schema of a site's text: its characters, the window, the split. A model predicts the next character at every step. */
import { z } from 'zod';

export const textSchema = z
  .strictObject({
    format: z.literal('text'),
    /** The characters that occur, each once: a token is the place of its character here. */
    alphabet: z.string().min(2).max(16_384),
    /** A character that is not in the alphabet refuses the text, or becomes one further token. */
    unknown: z.enum(['refuse', 'token']).default('refuse'),
    /** Characters of one row. */
    window: z.number().int().min(2).max(1024),
    /** The last part of the text is for testing. */
    split: z.strictObject({ type: z.literal('tail'), trainFraction: z.number().gt(0).lt(1) }),
  })
  .superRefine(({ alphabet }, context) => {
    const characters = [...alphabet];
    const twice = characters.find((character, i) => characters.indexOf(character) !== i);
    if (twice !== undefined) {
      const message = `holds ${JSON.stringify(twice)} twice; keep one`;
      context.addIssue({ code: 'custom', path: ['alphabet'], message });
    }
    if (characters.length > 4096) {
      const message = `has ${characters.length} characters, more than 4096; use unknown: token for the rare ones`;
      context.addIssue({ code: 'custom', path: ['alphabet'], message });
    }
  });

export type TextSchema = z.infer<typeof textSchema>;

/** Number of tokens. */
export function vocabularySize({ alphabet, unknown }: TextSchema): number {
  return [...alphabet].length + (unknown === 'token' ? 1 : 0);
}
