/** Request bodies: never more bytes than allowed, never longer than a peer of modest speed needs. */
import { Problem } from '../../core/protocol/problem.ts';

/** A body must arrive at this rate or better, after a grace period: slower senders hold memory and sockets. */
const leastBytesPerSecond = 64 * 1024;
const graceMs = 20_000;

export interface BodyLimit {
  /** Longest body, bytes. */
  readonly bytes: number;
  /** Grace period before the rate counts, ms. */
  readonly graceMs?: number;
}

/**
 * The chunks of a body. Throws Problem `too-large` as soon as the declared or received length exceeds the limit,
 * `too-slow` when the sender is slower than 64 KiB/s after the grace period, and `bad-request` when the body breaks off.
 */
export async function* boundedBody(
  stream: AsyncIterable<Uint8Array> & {
    destroy(error?: Error): unknown;
    once(event: 'close', listener: () => void): unknown;
    /** The sender reset the stream: it ends as if the body were whole. */
    readonly aborted?: boolean;
  },
  declaredLength: string | undefined,
  limit: BodyLimit,
): AsyncGenerator<Uint8Array> {
  if (declaredLength !== undefined && !(Number(declaredLength) <= limit.bytes)) throw new Problem('too-large');
  let received = 0;
  const started = performance.now();
  const grace = limit.graceMs ?? graceMs;
  let slow = false;
  const watch = setInterval(
    () => {
      const elapsed = performance.now() - started - grace;
      if (elapsed <= 0 || received >= (elapsed / 1000) * leastBytesPerSecond) return;
      slow = true;
      stream.destroy();
    },
    Math.min(1000, grace),
  );
  // Whoever refuses the message stops reading and never comes back to the `finally` below.
  stream.once('close', () => clearInterval(watch));
  try {
    for await (const chunk of stream) {
      received += chunk.length;
      if (received > limit.bytes) throw new Problem('too-large');
      yield chunk;
    }
    if (slow) throw new Problem('too-slow');
    if (stream.aborted === true && received !== Number(declaredLength)) {
      throw new Problem('bad-request', 'the body broke off');
    }
  } catch (error) {
    if (slow) throw new Problem('too-slow');
    // Only the stream can have failed: what the reader throws does not come here.
    throw error instanceof Problem ? error : new Problem('bad-request', 'the body broke off', { cause: error });
  } finally {
    clearInterval(watch);
  }
}

/** A whole small body. */
export async function readBody(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}
