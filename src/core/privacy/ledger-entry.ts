/** Entries of a ledger: what was opened, spent, kept and sent; each holds the hash of the one before. */
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { toHex } from '../bytes/floats.ts';
import { type PrivacyEvent, parseEvent } from './event.ts';
import { defaultOrders } from './rdp-orders.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const index = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const text = z.string().min(1).max(200);
const purpose = z.enum(['train', 'evaluate']);
const link = { index, previous: hash };

/** A line adds up what belongs together: one task's releases about one set of units, or all releases about a set. */
const open = z.strictObject({
  ...link,
  kind: z.literal('open'),
  /** Null: the line of a set of units over all tasks. */
  task: hash.nullable(),
  /** Null with a line over all tasks. */
  purpose: purpose.nullable(),
  units: text,
  unit: z.enum(['record', 'user', 'organisation']),
  relation: z.enum(['add-remove', 'replace', 'zero-out']),
  /** The most that may be spent; null: only added up. */
  epsilon: z.number().positive().finite().nullable(),
  delta: z.number().gt(0).lt(1),
  /** Order of the Rényi filter, chosen before the first release; null: all is fixed beforehand, and the best order counts. */
  order: z
    .number()
    .refine(order => defaultOrders.includes(order), 'an order that curves are kept at')
    .nullable(),
  accountant: text,
  build: text,
});

const reserve = z.strictObject({
  ...link,
  kind: z.literal('reserve'),
  task: hash,
  plan: hash.nullable(),
  units: text,
  unit: open.shape.unit,
  relation: open.shape.relation,
  round: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  purpose,
  /** Purpose of the task's line that it counts on. */
  line: purpose,
  event: z.unknown().transform((value, context): PrivacyEvent => {
    try {
      return parseEvent(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'not an event' });
      return z.NEVER;
    }
  }),
  accountant: text,
  build: text,
});

/** `reserve` is the index of what is kept or sent. */
const settle = z.strictObject({ ...link, kind: z.enum(['commit', 'release']), reserve: index });

const entry = z.discriminatedUnion('kind', [open, reserve, settle]);

export type OpenEntry = z.infer<typeof open>;
export type ReserveEntry = z.infer<typeof reserve>;
export type LedgerEntry = z.infer<typeof entry>;

/** An entry without its place in the chain. */
export type LooseEntry = LedgerEntry extends infer E
  ? E extends LedgerEntry
    ? Omit<E, 'index' | 'previous'>
    : never
  : never;

/** An entry as it is kept: deterministic CBOR and the SHA-256 of it (hex), which the next one repeats. */
export interface StoredEntry {
  readonly bytes: Uint8Array;
  readonly digest: string;
}

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** What the first entry has for the hash of the one before. */
export const beforeFirst = '0'.repeat(64);

/** The ledger does not hold together: it was altered, or written by something else. Nothing it says counts. */
export class LedgerBroken extends Error {
  override readonly name = 'LedgerBroken';
  /** The first entry that is wrong, from 0. */
  readonly index: number;

  constructor(index: number, what: string, options?: { cause?: unknown }) {
    super(`entry ${index} ${what}`, options);
    this.index = index;
  }
}

/** Puts an entry into its place. Throws RangeError for what could not be read again. */
export function sealEntry(loose: LooseEntry, at: number, previous: string, sha256: Sha256): StoredEntry {
  const placed = { ...loose, index: at, previous };
  const checked = entry.safeParse(placed);
  if (!checked.success) throw new RangeError(`entry of a ledger: ${z.prettifyError(checked.error)}`);
  const bytes = encodeCbor(placed);
  return { bytes, digest: toHex(sha256(bytes)) };
}

/** Reads an entry at its place in the chain. Throws LedgerBroken where bytes, hash, number or the entry before do not fit. */
export function openEntry(stored: StoredEntry, at: number, previous: string, sha256: Sha256): LedgerEntry {
  if (toHex(sha256(stored.bytes)) !== stored.digest) throw new LedgerBroken(at, 'is not what its hash says');
  const parsed = parsedEntry(stored.bytes, at);
  if (parsed.index !== at) throw new LedgerBroken(at, `has the number ${parsed.index}`);
  if (parsed.previous !== previous) throw new LedgerBroken(at, 'does not follow the entry before it');
  return parsed;
}

function parsedEntry(bytes: Uint8Array, at: number): LedgerEntry {
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (cause) {
    throw new LedgerBroken(at, 'cannot be read', { cause });
  }
  const parsed = entry.safeParse(value);
  if (!parsed.success) throw new LedgerBroken(at, `is no entry of a ledger: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
