/** How vector files are told apart and read: by what stands in them, whatever they are called. */
import type { z } from 'zod';
import type { Case } from './case.ts';

export interface VectorFile {
  /** Path as given or found, for messages. */
  readonly path: string;
  /** Name of the file without its ending. */
  readonly stem: string;
  /** Name of the folder it lies in. */
  readonly folder: string;
  readonly text: string;
  /** The parsed JSON, or undefined for any other text. */
  readonly json: unknown;
}

export interface Reader {
  /** The cases of a file in this format; null when the file has another one. */
  read(file: VectorFile): Case[] | null;
}

/** A reader of JSON that has the shape of `schema`. */
export function jsonReader<T>(schema: z.ZodType<T>, cases: (value: T, file: VectorFile) => Case[]): Reader {
  return {
    read(file) {
      const parsed = schema.safeParse(file.json);
      return parsed.success ? cases(parsed.data, file) : null;
    },
  };
}

/** JSON has no NaN and no infinities: vector files write them as strings. */
export function withNumbers(value: unknown): unknown {
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  if (Array.isArray(value)) return value.map(withNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withNumbers(item)]));
}
