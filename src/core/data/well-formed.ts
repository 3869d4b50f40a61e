/** Text that has an encoding in UTF-8: everything a task holds is hashed as such. */
import { z } from 'zod';

export const wellFormed = z
  .string()
  .refine(text => text.isWellFormed(), 'holds half of a surrogate pair; write the whole character');
