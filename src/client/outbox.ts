/** The outbox: what this client has said in a round, kept before it is said, so that it never says anything else. */

export interface Outgoing {
  /** Hex hash of the task. */
  readonly task: string;
  readonly round: number;
  readonly label: string;
  /** Hex SHA-256 of the model the message answers. */
  readonly model: string;
  /** The encoded envelope. */
  readonly envelope: Uint8Array;
  /** Blob with the tensor that follows, or null. */
  readonly tensor: string | null;
}

export interface Outbox {
  /**
   * What was said in this round, or null. Throws Problem `replayed` for a round before the newest answered one: rounds do not go back.
   */
  find(task: string, round: number, label: string): Promise<Outgoing | null>;
  /** The newest round in which something was said under this label, or null. */
  newest(task: string, label: string): Promise<number | null>;
  /** Durable when it resolves. Throws Problem `equivocation` when an entry with another envelope stands for the same task, round and label. */
  put(message: Outgoing): Promise<void>;
}
