/** Settings of `protection`: what of the updates the coordinator sees. */
import { z } from 'zod';
import { isName } from './identity.ts';

const coinParty = z.string().refine(isName, 'use the name of a client of the federation');

const group = z.strictObject({
  kind: z.literal('group'),
  /** Clients of a group, at least (where there are so many): each group shows the coordinator one sum. */
  size: z.number().int().min(3).max(256).default(8),
  /** Honest inputs in every sum that is opened, whatever colluders tell the coordinator of theirs (n_min). */
  honest: z.number().int().min(3).max(256).default(5),
  /** Members of a group that may collude with the coordinator (c_max); null: as many as ⌈g/3⌉ − 1 and `honest` allow. */
  colluders: z.number().int().min(0).max(85).nullable().default(null),
  /** Bits of a masked coordinate. */
  bits: z.union([z.literal(16), z.literal(20), z.literal(24), z.literal(32)]).default(32),
  /** 3–7 clients that toss the coin which deals the cohort into groups; empty: all clients are one group. */
  coin: z
    .array(coinParty)
    .max(7)
    .refine(
      names => names.length === 0 || names.length >= 3,
      'name 3 to 7 clients, or none: then all clients are one group',
    )
    .refine(names => new Set(names).size === names.length, 'name each client once')
    .default([]),
  /** Groups are dealt anew, and sets of survivors may grow again, after so many rounds. */
  redrawRounds: z.number().int().min(1).max(1_000_000).default(10),
  /** How long the coordinator waits for the answers of each step after training. */
  stepSeconds: z.number().min(0.1).max(86_400).default(30),
  /** Coordinates that a round trains and sends: all, a random part of them, or those of a smaller model with fewer hidden units. */
  compression: z
    .union([
      z.literal('none'),
      z.strictObject({
        kind: z.enum(['random-mask', 'federated-dropout']),
        /** Share of coordinates, or of hidden units, that is kept. */
        keep: z.number().gt(0).lt(1),
      }),
    ])
    .default('none'),
});

export type GroupSettings = z.infer<typeof group>;
export type CompressionSettings = GroupSettings['compression'];
export type ProtectionSettings = z.infer<typeof protectionSchema>;

const usual = (): GroupSettings => group.parse({ kind: 'group' });

/** `inspect`: the coordinator sees every update. `group`, a word, a block or nothing at all: it sees one sum per group and nothing else. */
export const protectionSchema = z
  .union([z.literal('inspect'), z.literal('group').transform(usual), group])
  .default(usual);

/** Null where the coordinator sees single updates. */
export function groupSettings(protection: ProtectionSettings): GroupSettings | null {
  return protection === 'inspect' ? null : protection;
}

/** What of an update a round sends: where the coordinator sees single updates all of it. */
export function compressionOf(protection: ProtectionSettings): CompressionSettings {
  return groupSettings(protection)?.compression ?? 'none';
}

/** The largest group there can be: dealt in equal parts, none has twice the size. Encodings leave room for so many. */
export function mostMembers({ size }: GroupSettings): number {
  return 2 * size - 1;
}
