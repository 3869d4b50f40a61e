/** Live connections by member: whose they are, how many there may be, and how to end them at once. */
import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock, Log } from '../../core/protocol/ports.ts';
import { Problem } from '../../core/protocol/problem.ts';
import { type Peer, principalOfPeer } from '../pki/verify.ts';

export type { Peer };

/** Connections of one member beyond this are closed: the newest loses. */
const sessionsPerMember = 16;
/** Room for a 4 MiB window: a 4 MB update needs no pause for acknowledgement. */
const windowBytes = 4 * 1024 * 1024;
/** The wall clock is looked at this often, ms: a timer for the whole day would not notice that the machine slept or the clock was set. */
const longestTimerMs = 3_600_000;
/** Requests under way may end for so long when their session is closed, ms. */
const closingMs = 5_000;

export class Sessions {
  readonly #federation: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #idleTimeoutMs: number;
  #closed = false;
  readonly #peers = new Map<Http2Session, Peer>();
  /** Serial number → member, of every certificate that was admitted: a revoked member may be in a cohort and not connected. */
  readonly #seen = new Map<string, string>();

  /** @param idleTimeoutMs a session on which nothing happens for so long is ended, whatever it waits for. */
  constructor(federation: string, log: Log, clock: Clock, idleTimeoutMs: number) {
    this.#federation = federation;
    this.#log = log;
    this.#clock = clock;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Admits a session whose certificate TLS has verified, or destroys it and says why in the log. */
  admit(session: Http2Session): void {
    // An HTTP/2 session of a secure server always has a TLS socket.
    const socket = session.socket as TLSSocket;
    const address = socket.remoteAddress;
    session.on('error', error => this.#broken(session, error, address));
    if (this.#closed) return session.destroy();
    try {
      const peer = principalOfPeer(socket.getPeerX509Certificate()?.raw ?? new Uint8Array(0), this.#federation);
      if (this.#of(peer.name).length >= sessionsPerMember)
        throw new Problem('too-many', `${sessionsPerMember} connections are open`);
      this.#peers.set(session, peer);
      this.#seen.set(peer.serial, peer.name);
      session.on('close', () => this.#peers.delete(session));
      session.setTimeout(this.#idleTimeoutMs, () => {
        this.#log({
          event: 'session-ended',
          level: 'warn',
          client: peer.name,
          address,
          code: 'too-slow',
          detail: 'idle',
        });
        session.destroy();
      });
      session.setLocalWindowSize(windowBytes);
      this.#endAtExpiry(session, peer, address);
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem('unauthenticated');
      const client = problem.code === 'too-many' ? principalName(socket, this.#federation) : undefined;
      this.#log({ event: 'refused', level: 'warn', code: problem.code, detail: problem.detail, address, client });
      session.destroy();
    }
  }

  /** Who speaks on this session. Throws Problem `unauthenticated` when nobody was admitted on it. */
  peer(session: Http2Session | undefined): Peer {
    const peer = session === undefined ? undefined : this.#peers.get(session);
    if (peer === undefined) throw new Problem('unauthenticated');
    return peer;
  }

  /**
   * Destroys the sessions of revoked certificates, and all sessions of the members named. Returns these, and the members who lost a
   * certificate that was here since the start and have no other session.
   */
  endRevoked(serials: ReadonlySet<string>, members: ReadonlySet<string>): string[] {
    for (const [session, peer] of this.#peers) {
      if (!serials.has(peer.serial) && !members.has(peer.name)) continue;
      this.#peers.delete(session);
      session.destroy();
      this.#log({ event: 'session-ended', level: 'warn', client: peer.name, code: 'revoked' });
    }
    const revoked = [...this.#seen].filter(([serial]) => serials.has(serial));
    for (const [serial] of revoked) this.#seen.delete(serial);
    const gone = revoked.map(([, name]) => name).filter(name => this.#of(name).length === 0);
    return [...new Set([...members, ...gone])];
  }

  /** Lets the clients finish what they ask and then greet on a new connection: as when the coordinator's update certificate is new. */
  closeClients(): void {
    for (const [session, { role }] of this.#peers) {
      if (role !== 'client') continue;
      const cancel = this.#clock.after(closingMs, () => session.destroy());
      session.once('close', cancel);
      session.close();
    }
  }

  /** Ends all sessions, and those that still come: a client reconnects faster than a listener closes. */
  close(): void {
    this.#closed = true;
    for (const session of this.#peers.keys()) session.destroy();
  }

  /** Number of live connections. */
  get size(): number {
    return this.#peers.size;
  }

  /**
   * A session lasts no longer than its certificate: TLS looks at it only in the handshake, and revocation lists drop what has
   * expired.
   */
  #endAtExpiry(session: Http2Session, peer: Peer, address: string | undefined): void {
    let cancel = (): void => undefined;
    const look = (): void => {
      const leftMs = peer.notAfterMs - this.#clock.now();
      if (leftMs > 0) {
        cancel = this.#clock.after(Math.min(leftMs, longestTimerMs), look);
        return;
      }
      const detail = 'the certificate has expired';
      const blame = { client: peer.name, address, code: 'unauthenticated', detail };
      this.#log({ event: 'session-ended', level: 'warn', ...blame });
      session.destroy();
    };
    session.once('close', () => cancel());
    look();
  }

  /** A peer that broke the rules of HTTP/2, or flooded, is named; one that just went away is not. */
  #broken(session: Http2Session, error: NodeJS.ErrnoException, address: string | undefined): void {
    session.destroy();
    if (error.code?.startsWith('ERR_HTTP2') !== true) return;
    const client = this.#peers.get(session)?.name;
    const detail = `${error.code}: ${error.message}`;
    this.#log({ event: 'session-ended', level: 'warn', client, address, code: 'bad-request', detail });
  }

  #of(name: string): Http2Session[] {
    return [...this.#peers].filter(([, peer]) => peer.name === name).map(([session]) => session);
  }
}

function principalName(socket: TLSSocket, federation: string): string | undefined {
  return principalOfPeer(socket.getPeerX509Certificate()?.raw ?? new Uint8Array(0), federation).name;
}
