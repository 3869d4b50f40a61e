/** The registry of a federation: invitations, members, certificates and the deny list, in one SQLite file. */
import { DatabaseSync } from 'node:sqlite';
import type { Role } from '../../core/protocol/identity.ts';
import { Problem } from '../../core/protocol/problem.ts';
import type { CertificateKind, Issued } from '../pki/certificate.ts';
import type { RevocationEntry } from '../pki/crl.ts';

export interface Invitation {
  readonly name: string;
  readonly organisation: string;
  readonly role: Role;
  /** True: an active member of this name gets new keys and loses the old ones. */
  readonly replaces: boolean;
  /** Unix time in ms. */
  readonly expiresMs: number;
}

export interface Member {
  readonly name: string;
  readonly organisation: string;
  readonly role: Role;
  /** DNS names and addresses in its TLS certificate; servers only. */
  readonly hosts: readonly string[];
  readonly status: 'active' | 'revoked';
  readonly joinedMs: number;
}

export interface CertificateRow {
  readonly serial: string;
  readonly member: string;
  readonly kind: CertificateKind;
  readonly der: Uint8Array;
  readonly notAfterMs: number;
  readonly revokedMs: number | null;
}

/** A certificate that was signed but counts only once the registry holds it. */
export interface NewCertificate {
  readonly kind: CertificateKind;
  /** Raw Ed25519, 32 bytes; a key is certified once in the life of a federation. */
  readonly publicKey: Uint8Array;
  readonly issued: Issued;
}

const schema = `
  CREATE TABLE IF NOT EXISTS invitation (
    hash BLOB PRIMARY KEY, name TEXT NOT NULL, organisation TEXT NOT NULL, role TEXT NOT NULL,
    replaces INTEGER NOT NULL, expires_ms INTEGER NOT NULL, used_ms INTEGER) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS withdrawal (hash BLOB PRIMARY KEY, time_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS invitation_by_name ON invitation (name);
  CREATE TABLE IF NOT EXISTS member (
    name TEXT PRIMARY KEY, organisation TEXT NOT NULL, role TEXT NOT NULL, hosts TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'revoked')), joined_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS certificate (
    serial TEXT PRIMARY KEY, member TEXT NOT NULL REFERENCES member (name), kind TEXT NOT NULL,
    public_key BLOB NOT NULL UNIQUE, der BLOB NOT NULL, not_after_ms INTEGER NOT NULL, revoked_ms INTEGER) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS certificate_by_member ON certificate (member);
  CREATE TABLE IF NOT EXISTS denial (version INTEGER PRIMARY KEY, member TEXT NOT NULL, time_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS nonce (nonce BLOB PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS publication (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, deny_version INTEGER NOT NULL, time_ms INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO publication VALUES (1, 0, 0, 0);
`;

/** The state of the published revocation list. */
export interface Publication {
  readonly number: number;
  readonly denyVersion: number;
  /** Unix time in ms of the last issue; 0 before the first. */
  readonly timeMs: number;
}

/**
 * Opened by the authority process and, for a moment, by the operator's commands; SQLite keeps them apart. Every method is one
 * transaction, on the disk when it returns (WAL, synchronous FULL).
 */
export class Registry {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    this.#db.exec(schema);
  }

  close(): void {
    this.#db.close();
  }

  /**
   * Withdraws the older invitations of this name; returns how many were open. Throws Problem('name-taken') for a known name,
   * unless the invitation replaces the keys of an active member.
   */
  addInvitation(hash: Uint8Array, invitation: Invitation, nowMs: number): number {
    return this.#transaction(() => {
      this.#requireFree(invitation);
      const { name, organisation, role, replaces, expiresMs } = invitation;
      const open = this.openInvitations(nowMs).filter(older => older.name === name).length;
      this.#withdraw(name, nowMs);
      this.#run(
        'INSERT INTO invitation VALUES (?, ?, ?, ?, ?, ?, NULL)',
        hash,
        name,
        organisation,
        role,
        Number(replaces),
        expiresMs,
      );
      return open;
    });
  }

  /**
   * The invitation behind a token, or Problem('bad-token') for an unknown, used, withdrawn or expired one alike: whose it was and
   * what became of it is for our log.
   */
  invitation(hash: Uint8Array, nowMs: number): Invitation {
    const row = this.#get(
      'SELECT invitation.*, time_ms AS withdrawn_ms FROM invitation LEFT JOIN withdrawal USING (hash) WHERE hash = ?',
      hash,
    );
    if (row === undefined) throw new Problem('bad-token', 'unknown');
    const invitation = readInvitation(row);
    const end = endOf(row, nowMs);
    if (end !== null) throw new Problem('bad-token', end, { client: invitation.name });
    return invitation;
  }

  openInvitations(nowMs: number): Invitation[] {
    const sql = `SELECT * FROM invitation
      WHERE used_ms IS NULL AND expires_ms > ? AND hash NOT IN (SELECT hash FROM withdrawal) ORDER BY name`;
    return this.#all(sql, nowMs).map(readInvitation);
  }

  /**
   * Consumes a token, withdraws what else was open for its name, and admits its member with these certificates, all or nothing.
   * Returns true when older certificates were revoked by it (the list must be published). Throws Problem 'bad-token', 'name-taken' or 'bad-csr' (a key that was certified).
   */
  admit(hash: Uint8Array, certificates: readonly NewCertificate[], nowMs: number): boolean {
    return this.#transaction(() => {
      const invitation = this.invitation(hash, nowMs);
      const { name, organisation, role } = invitation;
      this.#requireFree(invitation);
      this.#run('UPDATE invitation SET used_ms = ? WHERE hash = ?', nowMs, hash);
      this.#withdraw(name, nowMs);
      const replaced = this.member(name) !== null && this.#deny(name, nowMs) > 0;
      this.#run(
        `INSERT INTO member VALUES (?, ?, ?, '[]', 'active', ?)
         ON CONFLICT (name) DO UPDATE SET organisation = excluded.organisation, role = excluded.role, joined_ms = excluded.joined_ms`,
        ...[name, organisation, role, nowMs],
      );
      this.#addCertificates(name, certificates);
      return replaced;
    });
  }

  /** Adds one of the federation's own servers or operators with its certificates. Throws Problem('name-taken'). */
  addOwn(member: Omit<Member, 'status'>, certificates: readonly NewCertificate[]): void {
    this.#transaction(() => {
      const { name, organisation, role, hosts, joinedMs } = member;
      this.#requireFree({ name, replaces: false });
      this.#run(
        "INSERT INTO member VALUES (?, ?, ?, ?, 'active', ?)",
        name,
        organisation,
        role,
        JSON.stringify(hosts),
        joinedMs,
      );
      this.#addCertificates(name, certificates);
    });
  }

  /** Adds certificates of an active member. Throws Problem 'revoked', or 'bad-csr' for a key that was certified before. */
  addCertificates(name: string, certificates: readonly NewCertificate[], nowMs: number): void {
    this.#transaction(() => {
      if (this.member(name)?.status !== 'active') throw new Problem('revoked', name);
      this.#run("DELETE FROM certificate WHERE member = ? AND kind = 'tls' AND not_after_ms < ?", name, nowMs - keepMs);
      this.#addCertificates(name, certificates);
    });
  }

  /** Marks a nonce as used until `expiresMs`. Throws Problem('replayed') for a used one. */
  useNonce(nonce: Uint8Array, nowMs: number, expiresMs: number): void {
    this.#transaction(() => {
      this.#run('DELETE FROM nonce WHERE expires_ms < ?', nowMs);
      if (this.#run('INSERT OR IGNORE INTO nonce VALUES (?, ?)', nonce, expiresMs) === 0) throw new Problem('replayed');
    });
  }

  member(name: string): Member | null {
    const row = this.#get('SELECT * FROM member WHERE name = ?', name);
    return row === undefined ? null : readMember(row);
  }

  members(): Member[] {
    return this.#all('SELECT * FROM member ORDER BY name').map(readMember);
  }

  certificate(serial: string): CertificateRow | null {
    const row = this.#get('SELECT * FROM certificate WHERE serial = ?', serial);
    return row === undefined ? null : readCertificate(row);
  }

  /** Certificates of a member, the one that ends last first. */
  certificatesOf(name: string): CertificateRow[] {
    return this.#all('SELECT * FROM certificate WHERE member = ? ORDER BY not_after_ms DESC', name).map(
      readCertificate,
    );
  }

  /**
   * Revokes a member and withdraws its open invitations. Returns the serial numbers denied now and the version of the deny list,
   * or null when the name is neither a member nor invited. Again for a revoked one: no serials, same version.
   */
  revoke(name: string, nowMs: number): { serials: string[]; denyVersion: number; invitations: number } | null {
    return this.#transaction(() => {
      const invitations = this.#withdraw(name, nowMs);
      const member = this.member(name);
      if (member === null)
        return invitations === 0 ? null : { serials: [], denyVersion: this.denyVersion(), invitations };
      const before = this.#liveSerials(name, nowMs);
      if (member.status === 'active') {
        this.#run("UPDATE member SET status = 'revoked' WHERE name = ?", name);
        this.#deny(name, nowMs);
      }
      return { serials: member.status === 'active' ? before : [], denyVersion: this.denyVersion(), invitations };
    });
  }

  /** Version of the deny list: grows by one with each revocation, never falls. */
  denyVersion(): number {
    return Number(this.#get('SELECT max(version) AS version FROM denial')?.version ?? 0);
  }

  /** What the published list has to hold: revoked certificates that have not expired. */
  revokedCertificates(nowMs: number): RevocationEntry[] {
    // An hour more than needed, for verifiers whose clock is behind.
    return this.#all(
      'SELECT serial, revoked_ms FROM certificate WHERE revoked_ms IS NOT NULL AND not_after_ms > ? ORDER BY serial',
      nowMs - 3_600_000,
    ).map(row => ({ serial: String(row.serial), revokedMs: Number(row.revoked_ms) }));
  }

  publication(): Publication {
    const row = this.#get('SELECT number, deny_version, time_ms FROM publication');
    return { number: Number(row?.number), denyVersion: Number(row?.deny_version), timeMs: Number(row?.time_ms) };
  }

  /**
   * Publishes a list as `next`: `write` runs inside the transaction, so that no two processes can put an older list over a newer
   * one. Returns false, and does nothing, when `last` is no longer the last publication or the deny list has moved on.
   */
  publish(last: Publication, next: Publication, write: () => void): boolean {
    return this.#transaction(() => {
      if (this.publication().number !== last.number || this.denyVersion() !== next.denyVersion) return false;
      this.#run(
        'UPDATE publication SET number = ?, deny_version = ?, time_ms = ?',
        next.number,
        next.denyVersion,
        next.timeMs,
      );
      write();
      return true;
    });
  }

  /** Withdraws all invitations of a name that were not used, expired ones too: a clock may be set back. Returns their number. */
  #withdraw(name: string, nowMs: number): number {
    const sql = 'INSERT OR IGNORE INTO withdrawal SELECT hash, ? FROM invitation WHERE name = ? AND used_ms IS NULL';
    return this.#run(sql, nowMs, name);
  }

  #requireFree({ name, replaces }: { name: string; replaces: boolean }): void {
    const member = this.member(name);
    if (member !== null && !(replaces && member.status === 'active'))
      throw new Problem('name-taken', name, { client: name });
  }

  #addCertificates(name: string, certificates: readonly NewCertificate[]): void {
    for (const { kind, publicKey, issued } of certificates) {
      const { serial, der, notAfterMs } = issued;
      const sql = 'INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (public_key) DO NOTHING';
      const added = this.#run(sql, serial, name, kind, publicKey, der, notAfterMs);
      if (added === 0) throw new Problem('bad-csr', 'this key has a certificate already');
    }
  }

  /** Denies all certificates of a member; returns how many were not denied before. */
  #deny(name: string, nowMs: number): number {
    this.#run('INSERT INTO denial (version, member, time_ms) VALUES (?, ?, ?)', this.denyVersion() + 1, name, nowMs);
    return this.#run('UPDATE certificate SET revoked_ms = ? WHERE member = ? AND revoked_ms IS NULL', nowMs, name);
  }

  #liveSerials(name: string, nowMs: number): string[] {
    const sql =
      'SELECT serial FROM certificate WHERE member = ? AND revoked_ms IS NULL AND not_after_ms > ? ORDER BY serial';
    return this.#all(sql, name, nowMs).map(row => String(row.serial));
  }

  #transaction<T>(body: () => T): T {
    if (this.#db.isTransaction) return body();
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // After a full disk SQLite has rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #run(sql: string, ...values: Value[]): number {
    return Number(this.#db.prepare(sql).run(...values).changes);
  }

  #get(sql: string, ...values: Value[]): Row | undefined {
    return this.#db.prepare(sql).get(...values);
  }

  #all(sql: string, ...values: Value[]): Row[] {
    return this.#db.prepare(sql).all(...values);
  }
}

type Value = string | number | Uint8Array;
type Row = Record<string, unknown>;

/** TLS certificates are forgotten this long after their end; update certificates stay, as signatures are checked later. */
const keepMs = 30 * 24 * 3_600_000;

// The casts below state what the STRICT tables and the only writers above guarantee.
function readInvitation(row: Row): Invitation {
  return {
    name: String(row.name),
    organisation: String(row.organisation),
    role: row.role as Role,
    replaces: row.replaces === 1,
    expiresMs: Number(row.expires_ms),
  };
}

/** Why an invitation works no more, or null. */
function endOf({ used_ms, withdrawn_ms, expires_ms }: Row, nowMs: number): string | null {
  const at = (ms: unknown): string => new Date(Number(ms)).toISOString();
  if (used_ms !== null) return `used at ${at(used_ms)}`;
  if (withdrawn_ms !== null) return `withdrawn at ${at(withdrawn_ms)}`;
  return Number(expires_ms) > nowMs ? null : `expired at ${at(expires_ms)}`;
}

function readMember(row: Row): Member {
  return {
    name: String(row.name),
    organisation: String(row.organisation),
    role: row.role as Role,
    hosts: JSON.parse(String(row.hosts)) as string[],
    status: row.status as Member['status'],
    joinedMs: Number(row.joined_ms),
  };
}

function readCertificate(row: Row): CertificateRow {
  return {
    serial: String(row.serial),
    member: String(row.member),
    kind: row.kind as CertificateKind,
    der: row.der as Uint8Array,
    notAfterMs: Number(row.not_after_ms),
    revokedMs: row.revoked_ms === null ? null : Number(row.revoked_ms),
  };
}
