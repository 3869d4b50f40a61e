/** All rows of a simulation in one place, and how they are dealt to clients. */
import {
  dirichletPartition,
  iidPartition,
  labelPartition,
  largestGroups,
  type Partition,
  rowsByKey,
} from '../core/data/partition.ts';
import { isName } from '../core/protocol/identity.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { NamedSite } from './deal-sites.ts';
import { streamOf } from './stream.ts';

/** Rows that are not split into train and test yet. */
export interface Pool {
  /** Names the data in errors. */
  readonly name: string;
  readonly rows: number;
  /** Class index per row, or null where rows have none. */
  readonly classes: ArrayLike<number> | null;
  /** Makes a site of each part's rows, each split by the task. */
  sitesOf(parts: readonly Part[], seed: number): NamedSite[];
}

/** The rows of one client. */
export interface Part {
  readonly name: string;
  readonly rows: Uint32Array;
}

/** How rows are dealt where they do not say themselves whom they belong to. */
export type Dealing =
  | { readonly kind: 'iid' }
  /** See `dirichletPartition`. */
  | { readonly kind: 'dirichlet'; readonly alpha: number }
  /** See `labelPartition`. */
  | { readonly kind: 'labels'; readonly shards: number };

/** No client of a Dirichlet partition has fewer rows, where there are enough: the least that can be split and measured. */
const minimumRows = 10;

/**
 * Deals all rows to so many clients, named client-1 and on. The same seed deals the same.
 * Throws UserError where there are too few rows, or the partition needs classes and the rows have none.
 */
export function dealRows(pool: Pool, dealing: Dealing, clients: number, seed: number): NamedSite[] {
  const digits = String(clients).length;
  const parts = partition(pool, dealing, clients, seed).map((rows, i) => ({
    name: `client-${String(i + 1).padStart(digits, '0')}`,
    rows,
  }));
  return pool.sitesOf(parts, seed);
}

/**
 * One client for each group of rows with the same key, named by it.
 *
 * @param keys one per row. @param clients so many of the largest groups; null for all. The rows of others are left out.
 * Throws UserError where there are fewer groups.
 */
export function dealGroups(pool: Pool, keys: Iterable<string>, clients: number | null, seed: number): NamedSite[] {
  const groups = [...rowsByKey(keys)];
  if (clients !== null && groups.length < clients) {
    throw new UserError(pool.name, `has ${groups.length} groups for ${clients} clients`, 'Simulate fewer clients.');
  }
  const chosen = largestGroups(groups, clients ?? groups.length, ([, rows]) => rows.length);
  const names = siteNames(chosen.map(([key]) => key));
  return pool.sitesOf(
    chosen.map(([, rows], i) => ({ name: names[i], rows })),
    seed,
  );
}

/** Names that certificates could carry, each once: lower case, other characters as dashes, numbered where two are the same. */
export function siteNames(keys: readonly string[]): string[] {
  const taken = new Set<string>();
  return keys.map(key => {
    const stem = key
      .toLowerCase()
      .replace(/[^a-z0-9.-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 50)
      .replace(/[.-]+$/, '');
    const base = isName(stem) ? stem : 'site';
    let name = base;
    for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
    taken.add(name);
    return name;
  });
}

function partition(pool: Pool, dealing: Dealing, clients: number, seed: number): Partition {
  const random = streamOf(seed, 'partition');
  const least = dealing.kind === 'labels' ? clients * dealing.shards : clients;
  if (pool.rows < least) {
    throw new UserError(pool.name, `has ${pool.rows} rows, fewer than the ${least} needed`, 'Simulate fewer clients.');
  }
  if (dealing.kind === 'iid') return iidPartition(pool.rows, clients, random);
  if (pool.classes === null) {
    throw new UserError(pool.name, `has rows without a class: nothing to deal by ${dealing.kind}`, 'Use iid.');
  }
  if (dealing.kind === 'labels') return labelPartition(pool.classes, clients, dealing.shards, random);
  const minimum = Math.min(minimumRows, Math.floor(pool.rows / clients));
  return dirichletPartition(pool.classes, clients, dealing.alpha, minimum, random);
}
