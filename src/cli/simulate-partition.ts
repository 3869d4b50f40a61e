/** Data of a simulation dealt to its clients otherwise than as it lies on the disk. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { columnCells } from '../core/data/column-cells.ts';
import type { TableSource } from '../core/data/csv.ts';
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { EncodedRows } from '../core/data/encoded-rows.ts';
import type { ImageSchema } from '../core/data/image-schema.ts';
import { joinRows } from '../core/data/rows.ts';
import { type SpeakingRole, splitRoles } from '../core/data/speaking-roles.ts';
import { encodeTable } from '../core/data/table.ts';
import type { TextSchema } from '../core/data/text-schema.ts';
import { parseWriters } from '../core/data/writers.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { SitePlace } from '../node/data/find-sites.ts';
import { type ImageData, loadImages } from '../node/data/image-files.ts';
import { readText } from '../node/data/plain-chunks.ts';
import type { NamedSite } from '../simulation/deal-sites.ts';
import { dealParagraphs, dealRoles } from '../simulation/deal-text.ts';
import { imagePool } from '../simulation/image-pool.ts';
import { type Dealing, dealGroups, dealRows, type Pool } from '../simulation/pool.ts';
import { tablePool } from '../simulation/table-pool.ts';
import type { PartitionChoice } from './partition-option.ts';

/** Who gets what. */
export interface Deal {
  readonly partition: Exclude<PartitionChoice, { kind: 'natural' }>;
  /** Undefined: one for each group, where rows form groups. */
  readonly clients: number | undefined;
  readonly seed: number;
  /** Names the data in errors. */
  readonly name: string;
}

/** Files of QMNIST that say who wrote the training digits. */
const writerFiles = ['qmnist-train-labels.tsv', 'qmnist-train-labels.tsv.gz'];
/** Longest file of writers: 60,000 lines have 2 MB. */
const mostWriterBytes = 2 ** 28;

/** Deals the rows of all tables. Each source is opened up to twice. Throws UserError. */
export async function dealTables(
  schema: CsvSchema,
  sources: readonly (() => TableSource)[],
  deal: Deal,
): Promise<NamedSite[]> {
  const { partition, seed, name } = deal;
  let all: EncodedRows | null = null;
  const keys: string[] = [];
  for (const open of sources) {
    const { rows } = await encodeTable(schema, open());
    if (partition.kind === 'column') {
      const cells = await columnCells(schema, open(), partition.column);
      // Every row that encodes has a cell.
      for (const line of rows.lines) keys.push(cells.get(line) as string);
    }
    if (all === null) all = rows;
    else all.append(rows);
  }
  if (all === null) throw new RangeError('dealTables: no table');
  const pool = tablePool(schema, all, name);
  if (partition.kind === 'column') return dealGroups(pool, keys, deal.clients ?? null, seed);
  return dealPool(pool, deal, 'tables');
}

/** Deals the images of all places. Throws UserError. */
export async function dealImages(schema: ImageSchema, places: readonly SitePlace[], deal: Deal): Promise<NamedSite[]> {
  const loaded: ImageData[] = [];
  const keys: string[] = [];
  for (const { path } of places) {
    const images = await loadImages(schema, path);
    loaded.push(images);
    if (deal.partition.kind !== 'writer') continue;
    for (const writer of await writersBeside(path, images.train.labels)) keys.push(`writer-${writer}`);
  }
  const tests = loaded.flatMap(({ test }) => test ?? []);
  const train = joinRows(loaded.map(images => images.train));
  const pool = imagePool(schema, train, tests.length === 0 ? null : joinRows(tests), deal.name);
  if (deal.partition.kind === 'writer') return dealGroups(pool, keys, deal.clients ?? null, deal.seed);
  return dealPool(pool, deal, 'images');
}

/** Deals the texts of all places. Throws UserError. */
export async function dealTexts(schema: TextSchema, places: readonly SitePlace[], deal: Deal): Promise<NamedSite[]> {
  const { partition, seed, name } = deal;
  const texts = await Promise.all(places.map(async ({ path }) => ({ path, text: await readText(path) })));
  if (partition.kind === 'role') {
    const roles = joinRoles(texts.flatMap(({ path, text }) => splitRoles(text, path)));
    return dealRoles(schema, roles, partition.minimumCharacters, deal.clients ?? null, name);
  }
  if (partition.kind !== 'iid') throw unfit(partition.kind, 'text');
  const whole = texts.map(({ text }) => text).join('\n\n');
  return dealParagraphs(schema, whole, clientsOf(deal), seed, name);
}

function dealPool(pool: Pool, deal: Deal, what: string): NamedSite[] {
  const { partition } = deal;
  if (!isDealing(partition)) throw unfit(partition.kind, what);
  return dealRows(pool, partition, clientsOf(deal), deal.seed);
}

function isDealing(partition: PartitionChoice): partition is Dealing {
  return partition.kind === 'iid' || partition.kind === 'dirichlet' || partition.kind === 'labels';
}

function clientsOf({ clients, partition }: Deal): number {
  if (clients !== undefined) return clients;
  throw new UserError('simulate', `--partition ${partition.kind} needs a number of clients`, 'Add --clients N.');
}

async function writersBeside(folder: string, labels: ArrayLike<number>): Promise<Uint32Array> {
  const path = writerFiles.map(file => join(folder, file)).find(file => existsSync(file));
  if (path === undefined) {
    throw new UserError(
      folder,
      'holds no file of writers',
      `Put ${writerFiles[1]} of QMNIST beside the images, or use another --partition.`,
    );
  }
  return parseWriters(await readText(path, mostWriterBytes), labels, path);
}

/** One role for each name. */
function joinRoles(roles: readonly SpeakingRole[]): SpeakingRole[] {
  const texts = new Map<string, string>();
  for (const { name, text } of roles) {
    const before = texts.get(name);
    texts.set(name, before === undefined ? text : `${before}\n${text}`);
  }
  return [...texts].map(([name, text]) => ({ name, text }));
}

function unfit(kind: string, what: string): UserError {
  return new UserError('--partition', `${kind} does not divide ${what}`, 'See docs/data.md for what does.');
}
