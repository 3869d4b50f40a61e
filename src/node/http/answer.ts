/** Answers that wait for their reader: each pins the bytes it is made of, so nobody may leave it unread for long. */
import { constants, type ServerHttp2Stream } from 'node:http2';

/** An answer must be read at this rate or better on the whole, and never stand still for longer than the grace period. */
const leastBytesPerSecond = 64 * 1024;
const usualGraceMs = 30_000;

/**
 * Resets the stream when the peer does not read the answer: nothing of it for the grace period, or all of it not within the grace
 * period and what its bytes take at 64 KiB/s. Call when the answer begins.
 * @param bytes of the answer.
 */
export function boundedAnswer(stream: ServerHttp2Stream, bytes: number, graceMs: number = usualGraceMs): void {
  if (stream.destroyed) return;
  const giveUp = (): void => {
    stream.close(constants.NGHTTP2_CANCEL);
    // What is not sent yet is let go, too.
    stream.destroy();
  };
  stream.setTimeout(graceMs, giveUp);
  const timer = setTimeout(giveUp, graceMs + (bytes / leastBytesPerSecond) * 1000);
  stream.once('close', () => clearTimeout(timer));
}
