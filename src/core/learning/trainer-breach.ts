/** The one error of whoever reads what a foreign trainer said. */

/** A foreign trainer did not keep the protocol. The message says what it did: `sent a line that is not JSON`. */
export class TrainerBreach extends Error {
  override readonly name = 'TrainerBreach';
}
