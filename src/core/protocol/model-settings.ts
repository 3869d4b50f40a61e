/** Models by name and their settings. */
import { z } from 'zod';

const size = z.number().int().min(1).max(65_536);
const activation = z.enum(['relu', 'tanh', 'sigmoid']).default('relu');
const rate = z.number().min(0).lt(1).default(0);

const pool = z
  .strictObject({
    kind: z.enum(['max', 'average']),
    size: z.number().int().min(1).max(64),
    /** Null: the size, so that windows do not overlap. */
    stride: z.number().int().min(1).max(64).nullable().default(null),
  })
  .nullable()
  .default(null);

const convolution = z.strictObject({
  filters: z.number().int().min(1).max(4096),
  /** Side of the square kernel. */
  kernel: z.number().int().min(1).max(64),
  stride: z.number().int().min(1).max(64).default(1),
  /** Zeros around the image on every side. */
  padding: z.number().int().min(0).max(63).default(0),
  pool,
});

const recurrent = {
  hidden: z.number().int().min(1).max(4096),
  layers: z.number().int().min(1).max(4).default(1),
  /** Values per token; text only. */
  embedding: z.number().int().min(1).max(4096).nullable().default(null),
  dropout: rate,
};

export const modelSchema = z.discriminatedUnion('name', [
  /** Binary logistic regression, or softmax regression for more than two classes. */
  z.strictObject({ name: z.literal('logistic') }),
  /** Linear regression. */
  z.strictObject({ name: z.literal('linear') }),
  z.strictObject({
    name: z.literal('mlp'),
    hidden: z.array(size).min(1).max(16),
    activation,
    norm: z.enum(['none', 'layer']).default('none'),
    dropout: rate,
  }),
  z.strictObject({
    name: z.literal('cnn'),
    convolutions: z.array(convolution).min(1).max(16),
    /** Dense layers after the convolutions. */
    hidden: z.array(size).max(16).default([]),
    activation,
    norm: z.enum(['none', 'group']).default('none'),
    /** Groups of the group norm: a divisor of every number of filters. */
    groups: z.number().int().min(1).max(4096).default(8),
    dropout: rate,
  }),
  z.strictObject({ name: z.literal('lstm'), ...recurrent }),
  z.strictObject({ name: z.literal('gru'), ...recurrent }),
  /** Sums over the training rows instead of a model: a statistics task (`parley standardise`). */
  z.strictObject({ name: z.literal('moments') }),
]);

export type ModelSettings = z.infer<typeof modelSchema>;
