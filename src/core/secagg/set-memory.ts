/** What a member remembers of the sets it signed in a task: two sums over nearly the same members differ by one member's input. */

/** Plain data, durable before the signature leaves. */
export interface SetMemory {
  /** Certificate hashes of the survivors signed last, ascending. */
  readonly survivors: readonly Uint8Array[];
  /** The round they were signed in. */
  readonly round: number;
  /** SHA-256 of the model of that round. */
  readonly model: Uint8Array;
  /** The round in which the set changed last. */
  readonly changed: number;
}
