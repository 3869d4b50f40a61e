/** The declared schema of a site's images: size, classes, scaling, split. */
import { z } from 'zod';
import { classesSchema, hashSchema, stratifiedSchema } from './csv-schema.ts';

const side = z.number().int().min(1).max(4096);

export const imageSchema = z
  .strictObject({
    format: z.literal('images'),
    channels: z.number().int().min(1).max(16).default(1),
    height: side,
    width: side,
    /** A pixel is used as (value − center) / spread: public constants. Bytes become 0 to 1 by default. */
    center: z.number().default(0),
    spread: z.number().gt(0).default(255),
    target: classesSchema,
    split: z.discriminatedUnion('type', [
      stratifiedSchema,
      hashSchema,
      /** The site has files of its own for testing. */
      z.strictObject({ type: z.literal('files') }),
    ]),
  })
  .superRefine(({ center, spread }, context) => {
    const ends = [0, 255].map(byte => Math.fround((byte - center) / spread));
    if (ends.every(Number.isFinite)) return;
    context.addIssue({
      code: 'custom',
      path: ['spread'],
      message: 'is so small beside the pixels that scaled ones are no numbers; use a greater one',
    });
  });

export type ImageSchema = z.infer<typeof imageSchema>;
