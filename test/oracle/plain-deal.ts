/** The coin and the dealing of groups a second time, from their description in docs/protocol.md. */
import { ctr } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { cbor } from './plain-cbor.ts';

/** `input` of a deal. */
export interface PlainDeal {
  readonly federation: string;
  readonly task: string;
  readonly epoch: number;
  readonly draw: number;
  readonly cohort: readonly string[];
  readonly parties: readonly { readonly party: string; readonly secret: string }[];
  readonly groups: number;
  readonly evidence: string;
}

/** `expected` of a deal. */
export function dealPlainly({ federation, task, epoch, draw, cohort, parties, groups, evidence }: PlainDeal) {
  const context = [federation, bytes(task), epoch, draw];
  const committed = parties.map(({ party, secret }) => ({
    party,
    secret: bytes(secret),
    value: sha256(cbor(['parley/v1/coin-commitment', ...context, bytes(party), bytes(secret)])),
  }));
  const inOrder = committed.toSorted((a, b) => (a.party < b.party ? -1 : 1));
  const listed = inOrder.map(({ party, value }) => [bytes(party), value]);
  const root = sha256(cbor(['parley/v1/coin-root', ...context, cohort.toSorted().map(bytes), listed]));
  const coin = sha256(cbor(['parley/v1/coin', root, inOrder.map(({ secret }) => secret)]));
  const key = hkdf(sha256, coin, new Uint8Array(0), cbor(['parley/v1/deal-groups']), 32);
  return {
    commitments: committed.map(({ value }) => hex(value)),
    root: hex(root),
    coin: hex(coin),
    key: hex(key),
    groups: cut(shuffled(cohort.length, key), groups),
    draw: hex(sha256(cbor(['parley/v1/draw', cohort.map(bytes), bytes(evidence)]))),
  };
}

/** Fisher–Yates from the last place down. */
function shuffled(count: number, key: Uint8Array): number[] {
  const stream = Buffer.from(ctr(key, new Uint8Array(16)).encrypt(new Uint8Array(8192)));
  const order = Array.from({ length: count }, (_, i) => i);
  let at = 0;
  for (let last = count - 1; last > 0; last--) {
    const limit = Math.floor(2 ** 32 / (last + 1)) * (last + 1);
    let word = stream.readUInt32LE(at);
    while (word >= limit) {
      at += 4;
      word = stream.readUInt32LE(at);
    }
    at += 4;
    const other = word % (last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

function cut(order: readonly number[], groups: number): number[][] {
  const rest = [...order];
  return Array.from({ length: groups }, (_, i) =>
    rest.splice(0, Math.ceil(rest.length / (groups - i))).sort((a, b) => a - b),
  );
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
