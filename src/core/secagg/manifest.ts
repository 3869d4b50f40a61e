/** The manifest of a group in a round: everything its members must agree on; its hash names the session in every key and message. */
import { encodeCbor } from '../bytes/cbor.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { type GroupSettings, mostMembers } from '../protocol/protection-settings.ts';
import type { Thresholds } from './thresholds.ts';
import { groupThresholds } from './thresholds.ts';

/** One masked vector of an input: `words` integers modulo 2^bits, under a keystream of its own. */
export interface Segment {
  readonly label: 'update' | 'figures';
  readonly words: number;
  readonly bits: 16 | 20 | 24 | 32;
}

export interface GroupManifest {
  readonly federation: string;
  /** Hash of the task, 32 bytes. */
  readonly task: Uint8Array;
  readonly round: number;
  readonly kind: 'train' | 'evaluate';
  /** Which of the round's groups this is, 0-based, and how many there are. */
  readonly group: number;
  readonly groups: number;
  /** SHA-256 of the update certificates of the members, ascending: a member's place in this list is its index. */
  readonly members: readonly Uint8Array[];
  /** SHA-256 of what the groups were dealt from: the whole cohort and the coin (draw.ts). */
  readonly draw: Uint8Array;
  readonly thresholds: Thresholds;
  readonly segments: readonly Segment[];
  /** Exponent of the fixed point: a coordinate x is round(x·2^scaleBits); 0 where no update is sent. */
  readonly scaleBits: number;
  readonly clipNorm: number;
  /** Null: every update counts the same. */
  readonly weightMax: number | null;
  /** SHA-256 of the model that the round starts from. */
  readonly model: Uint8Array;
  /** SHA-256 of the code that members have to run. */
  readonly code: Uint8Array;
  /** Hash of the privacy plan, hexadecimal; null without privacy. */
  readonly plan: string | null;
  /** How long each step after training waits, ms. */
  readonly stepMs: number;
}

/** What `code` is the hash of: models and rules are names with settings, so the version of the program is all the code there is. */
export function codeHash(build: string, primitives: Pick<Primitives, 'sha256'>): Uint8Array {
  return primitives.sha256(encodeCbor(['parley/v1/code', build]));
}

/** The bytes of a manifest. */
export function encodeManifest(manifest: GroupManifest): Uint8Array {
  return encodeCbor(['parley/v1/group-manifest', manifest]);
}

/** Session id: SHA-256 of the manifest, 32 bytes. */
export function sessionId(manifest: GroupManifest, { sha256 }: Pick<Primitives, 'sha256'>): Uint8Array {
  return sha256(encodeManifest(manifest));
}

/** Thresholds of a group of so many members under the settings of a task. Throws RangeError where no such group holds them. */
export function thresholdsOf(members: number, settings: GroupSettings): Thresholds {
  if (members > mostMembers(settings))
    throw new RangeError(
      `group: ${members} members, where protection.size ${settings.size} leaves room for ${mostMembers(settings)}; use a larger size, or name coin parties (protection.coin) that deal several groups`,
    );
  return groupThresholds(members, settings);
}
