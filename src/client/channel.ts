/** The port to the coordinator: HTTP/2 over mTLS in Node, memory in the simulator. All calls are outbound. */
import type { Envelope } from '../core/crypto/envelope.ts';

export interface CoordinatorChannel {
  /** Waits for an assignment; null when none came in the time one request may take. Throws Problem or a network error. */
  nextAssignment(signal?: AbortSignal): Promise<Envelope | null>;
  /** Canonical bytes of a task by its hex hash. */
  task(task: string): Promise<Uint8Array>;
  /** Global parameters of a round, `bytes` long; a longer answer is an error. */
  model(task: string, round: number, bytes: number): Promise<Uint8Array>;
  /** Sends the head of an update and its tensor; resolves with the coordinator's receipt. */
  sendUpdate(task: string, round: number, head: Uint8Array, tensor: Uint8Array): Promise<Envelope>;
  /** Says that this client gives no answer in the round. */
  sendDecline(task: string, round: number, envelope: Envelope): Promise<void>;
  sendEvaluation(task: string, round: number, envelope: Envelope): Promise<Envelope>;
  /** Sends a message of a group session, and what follows it (may be empty); resolves with the coordinator's receipt. */
  sendGroup(task: string, round: number, head: Uint8Array, body: Uint8Array, signal?: AbortSignal): Promise<Envelope>;
  /**
   * Waits for what the coordinator tells this member after the message with label `after` (`group-manifest`: the assignment); null when
   * nothing came in the time one request may take.
   */
  nextGroup(task: string, round: number, after: string, signal?: AbortSignal): Promise<Envelope | null>;
}
