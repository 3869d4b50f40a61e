/** Tables of the coordinator's database. Ids are text, times integer milliseconds, integers at most 2^53 − 1, structures CBOR. */
import type { Schema } from './database.ts';

/** "PLco" in ASCII. */
const applicationId = 0x504c636f;

const version1 = `
  CREATE TABLE runs (
    task TEXT PRIMARY KEY,
    place INTEGER NOT NULL,
    value BLOB NOT NULL
  ) STRICT;

  -- What a run holds in lists that grow answer by answer, so that one more answer is one more row.
  CREATE TABLE run_items (
    task TEXT NOT NULL REFERENCES runs (task),
    list TEXT NOT NULL,
    place INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (task, list, place)
  ) STRICT;

  CREATE TABLE messages (
    task TEXT NOT NULL,
    round INTEGER NOT NULL,
    label TEXT NOT NULL,
    sender TEXT NOT NULL,
    payload BLOB NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (task, round, label, sender)
  ) STRICT;

  CREATE TABLE rounds (
    task TEXT NOT NULL,
    round INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (task, round)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE releases (
    task TEXT NOT NULL,
    round INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (task, round, kind)
  ) STRICT, WITHOUT ROWID;

  -- Every refusal counts here. An empty text stands for null: null is never equal to null in a key.
  CREATE TABLE refusal_counts (
    task TEXT NOT NULL,
    client TEXT NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (task, client, code)
  ) STRICT, WITHOUT ROWID;

  -- The first of each kind with their evidence: a member that repeats itself cannot fill the disk.
  CREATE TABLE refusals (
    id INTEGER PRIMARY KEY,
    task TEXT,
    round INTEGER,
    client TEXT,
    code TEXT NOT NULL,
    at INTEGER NOT NULL,
    evidence BLOB
  ) STRICT;

  CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

export const coordinatorSchema: Schema = { applicationId, migrations: [version1] };
