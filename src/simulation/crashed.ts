/** What a party gets from its storage after the simulator crashed it. */

/** The process that opened this storage is dead: whatever of its code still runs can neither read nor write. */
export class Crashed extends Error {
  override readonly name = 'Crashed';

  constructor() {
    super('this storage was taken away by a simulated crash');
  }
}

/** Faults that the simulator injects into storage. */
export interface StorageFaults {
  /** Called before each commit takes effect; what it throws, the commit throws, and nothing is stored (a full disk). */
  beforeCommit?: () => void;
}
