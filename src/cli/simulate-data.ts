/** The data of a simulation: given, the heart hospitals where the task is theirs, or generated. */
import type { CsvSchema } from '../core/data/csv-schema.ts';
import { isHeartSchema } from '../core/data/heart.ts';
import type { DataSchema } from '../core/data/schema.ts';
import { loadSite } from '../core/data/table.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { dataCacheFolder } from '../node/data/cache-folder.ts';
import { findHeart, siteSource } from '../node/data/find-heart.ts';
import { findSites, type SitePlace } from '../node/data/find-sites.ts';
import { fileSource } from '../node/data/read-file.ts';
import { loadSiteFrom } from '../node/data/site-files.ts';
import { dealSites, type NamedSite } from '../simulation/deal-sites.ts';
import { generateSites } from '../simulation/generated-sites.ts';
import { type PartitionChoice, partitionText } from './partition-option.ts';
import { type Deal, dealImages, dealTables, dealTexts } from './simulate-partition.ts';

export interface SimulatedData {
  /** Names the data in every output; generated data is called so. */
  readonly label: string;
  readonly generated: boolean;
  /** One per client. */
  readonly sites: readonly NamedSite[];
}

export interface DataChoice {
  /** File or folder with the data of the sites, or undefined. */
  readonly folder: string | undefined;
  readonly generated: boolean;
  readonly partition: PartitionChoice;
  /** Undefined: one for each site or group of rows there is. */
  readonly clients: number | undefined;
  readonly seed: number;
}

const generatedSites = 4;
const nouns: Readonly<Record<DataSchema['format'], string>> = { csv: 'table', images: 'image set', text: 'text' };

/** Loads a site for each client. Throws UserError naming file, row and column. */
export async function simulatedData(task: Task, choice: DataChoice): Promise<SimulatedData> {
  const { folder, clients, partition } = choice;
  if (folder !== undefined) {
    const places = findSites(task.data.format, folder);
    const label = `${places.length} ${nouns[task.data.format]}${places.length === 1 ? '' : 's'} of ${folder}`;
    if (partition.kind === 'natural') {
      const sites = await loadEach(task.data, places);
      return { label, generated: false, sites: dealSites(sites, clients ?? sites.length) };
    }
    const deal: Deal = { ...choice, partition, name: folder };
    return {
      label: `${label}, dealt by ${partitionText(partition)}`,
      generated: false,
      sites: await dealt(task.data, places, deal),
    };
  }
  if (!choice.generated && task.data.format === 'csv' && isHeartSchema(task.data)) return heart(task.data, choice);
  if (partition.kind !== 'natural') {
    throw new UserError('simulate', `--partition ${partition.kind} needs data`, 'Add --data DIR.');
  }
  const sites = await generateSites(task.data, clients ?? generatedSites, choice.seed);
  return { label: 'generated tables (invented rows, not real data)', generated: true, sites };
}

/** One after the other: what a loader needs besides its result is never there twice. */
async function loadEach(schema: DataSchema, places: readonly SitePlace[]): Promise<NamedSite[]> {
  const sites: NamedSite[] = [];
  for (const { name, path } of places) sites.push({ name, data: await loadSiteFrom(schema, path) });
  return sites;
}

function dealt(schema: DataSchema, places: readonly SitePlace[], deal: Deal): Promise<NamedSite[]> {
  switch (schema.format) {
    case 'csv':
      return dealTables(
        schema,
        places.map(
          ({ path }) =>
            () =>
              fileSource(path),
        ),
        deal,
      );
    case 'images':
      return dealImages(schema, places, deal);
    case 'text':
      return dealTexts(schema, places, deal);
  }
}

async function heart(schema: CsvSchema, { partition, clients, seed }: DataChoice): Promise<SimulatedData> {
  const found = await findHeart({ env: process.env, cacheDir: dataCacheFolder(process.env) });
  const generated = found.source === 'generated';
  if (partition.kind !== 'natural') {
    const sources = found.sites.map(site => () => siteSource(site));
    const sites = await dealTables(schema, sources, { partition, clients, seed, name: found.label });
    return { label: `${found.label}, dealt by ${partitionText(partition)}`, generated, sites };
  }
  const tables = await Promise.all(
    found.sites.map(async site => ({ name: site.name, data: await loadSite(schema, siteSource(site)) })),
  );
  return { label: found.label, generated, sites: dealSites(tables, clients ?? tables.length) };
}
