/** Partitions: which rows of a data set each simulated client holds. Every row goes to exactly one client. */
import { drawDirichlet } from '../math/dirichlet.ts';
import type { RandomStream } from '../math/random.ts';

/** Row numbers of each client, ascending. */
export type Partition = readonly Uint32Array[];

/** Independent and identically distributed: the rows are shuffled and cut into shares that differ by one row at most. */
export function iidPartition(rows: number, clients: number, random: RandomStream): Partition {
  checkClients(rows, clients);
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  random.shuffle(order);
  return cuts(rows, clients).map(([from, to]) => order.slice(from, to).sort());
}

/**
 * Skewed labels: for each class, shares of its rows over the clients ~ Dirichlet(α, …, α) (Yurochkin et al. 2019, §4;
 * Hsu et al. 2019 instead draw shares of classes for each client). A small α gives clients of few classes and unequal
 * size, a large one tends to IID of unequal size. Which rows of a class go where is shuffled.
 *
 * Then clients below `minimumRows` are filled up, a row at a time, from whoever holds most (any of its rows): a draw that
 * leaves somebody without rows is mended, not repeated, so this always ends.
 *
 * @param labels class index per row. @param alpha above 0.
 */
export function dirichletPartition(
  labels: ArrayLike<number>,
  clients: number,
  alpha: number,
  minimumRows: number,
  random: RandomStream,
): Partition {
  checkClients(labels.length, clients, minimumRows);
  const held: number[][] = Array.from({ length: clients }, () => []);
  for (const rows of rowsByLabel(labels)) {
    random.shuffle(rows);
    const shares = drawDirichlet(clients, alpha, random);
    let sum = 0;
    let from = 0;
    shares.forEach((share, client) => {
      sum += share;
      const to = client === clients - 1 ? rows.length : Math.min(rows.length, Math.round(sum * rows.length));
      for (; from < to; from++) held[client].push(rows[from]);
    });
  }
  fillUp(held, minimumRows, random);
  return held.map(rows => Uint32Array.from(rows).sort());
}

/**
 * Label-sorted shards: rows sorted by label are cut into clients × shards pieces that differ by one row at most, and each
 * client is dealt so many of them (McMahan et al. 2017, §3: 200 shards of 300 digits, 2 for each of 100 clients).
 */
export function labelPartition(
  labels: ArrayLike<number>,
  clients: number,
  shardsPerClient: number,
  random: RandomStream,
): Partition {
  const shards = clients * shardsPerClient;
  if (!Number.isInteger(shardsPerClient) || shardsPerClient < 1)
    throw new RangeError(`partition: ${shardsPerClient} shards`);
  checkClients(labels.length, clients, shardsPerClient);
  const sorted = Uint32Array.from(rowsByLabel(labels).flat());
  const places = cuts(sorted.length, shards);
  const order = Uint32Array.from({ length: shards }, (_, shard) => shard);
  random.shuffle(order);
  return Array.from({ length: clients }, (_, client) => {
    const own = Array.from(order.subarray(client * shardsPerClient, (client + 1) * shardsPerClient), i => places[i]);
    return Uint32Array.from(own.flatMap(([from, to]) => [...sorted.subarray(from, to)])).sort();
  });
}

/** Rows by a key they share (a writer, a hospital), in the order in which the keys first appear. */
export function rowsByKey<K>(keys: Iterable<K>): ReadonlyMap<K, Uint32Array> {
  const groups = new Map<K, number[]>();
  let row = 0;
  for (const key of keys) {
    const rows = groups.get(key);
    if (rows === undefined) groups.set(key, [row]);
    else rows.push(row);
    row++;
  }
  return new Map([...groups].map(([key, rows]) => [key, Uint32Array.from(rows)]));
}

/** So many of the groups with the largest `size`, in their given order; of equals the earlier. All, where there are no more. */
export function largestGroups<G>(groups: readonly G[], count: number, size: (group: G) => number): G[] {
  const bySize = groups.map((group, i) => ({ i, size: size(group) })).sort((a, b) => b.size - a.size || a.i - b.i);
  const chosen = new Set(bySize.slice(0, count).map(({ i }) => i));
  return groups.filter((_, i) => chosen.has(i));
}

function rowsByLabel(labels: ArrayLike<number>): number[][] {
  const groups = [...rowsByKey(Array.from(labels))].sort(([a], [b]) => a - b);
  return groups.map(([, rows]) => [...rows]);
}

/** Places that cut so many rows into parts whose sizes differ by one at most, the larger ones first. */
function cuts(rows: number, parts: number): [from: number, to: number][] {
  const small = Math.floor(rows / parts);
  const larger = rows % parts;
  const start = (part: number): number => part * small + Math.min(part, larger);
  return Array.from({ length: parts }, (_, part) => [start(part), start(part + 1)]);
}

function fillUp(held: number[][], minimumRows: number, random: RandomStream): void {
  for (const poor of held) {
    while (poor.length < minimumRows) {
      const richest = held.reduce((best, rows) => (rows.length > best.length ? rows : best));
      // Rows ≥ clients × minimum: while one lacks rows another has more than the minimum.
      poor.push(...richest.splice(random.below(richest.length), 1));
    }
  }
}

function checkClients(rows: number, clients: number, rowsPerClient = 1): void {
  if (!Number.isInteger(clients) || clients < 1) throw new RangeError(`partition: ${clients} clients`);
  if (!Number.isInteger(rowsPerClient) || rowsPerClient < 0) throw new RangeError(`partition: ${rowsPerClient} rows`);
  if (rows < clients * rowsPerClient) {
    throw new RangeError(`partition: ${rows} rows for ${clients} clients of ${rowsPerClient} at least`);
  }
}
