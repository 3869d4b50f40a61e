/** Warnings about one peer, at most so many: whoever is refused again and again must not fill the disk with it. */
import type { Log } from '../core/protocol/ports.ts';

/** Lines about one peer at once, and one more each second. */
const burst = 200;
const perSecond = 1;
/** Peers remembered, the longest silent forgotten first. */
const mostPeers = 10_000;

/**
 * A log that passes everything on but warnings about a peer (by name, else by address) beyond 200 at once and one a second.
 * The next one that passes is preceded by `warnings-left-out` with their number.
 */
export function limitedLog(log: Log, now: () => number): Log {
  const peers = new Map<string, { tokens: number; atMs: number; left: number }>();
  return event => {
    const { client, address, level } = event;
    const peer = client ?? address;
    if (level !== 'warn' || peer === undefined) return log(event);
    const nowMs = now();
    const known = peers.get(peer) ?? { tokens: burst, atMs: nowMs, left: 0 };
    const refill = (Math.max(0, nowMs - known.atMs) / 1000) * perSecond;
    const tokens = Math.min(burst, known.tokens + refill);
    const passes = tokens >= 1;
    peers.delete(peer); // a Map keeps the order of insertion: the first key is the longest silent
    peers.set(peer, { tokens: passes ? tokens - 1 : tokens, atMs: nowMs, left: passes ? 0 : known.left + 1 });
    if (peers.size > mostPeers) peers.delete(peers.keys().next().value ?? '');
    if (!passes) return;
    if (known.left > 0)
      log({ event: 'warnings-left-out', level: 'warn', client, address, detail: `${known.left} lines` });
    log(event);
  };
}
