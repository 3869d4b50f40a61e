/** The data of a simulation: given, the heart hospitals where the task is theirs, or generated. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isHeartSchema } from '../core/data/heart.ts';
import type { DataSchema } from '../core/data/schema.ts';
import { loadSite } from '../core/data/table.ts';
import { isName } from '../core/protocol/identity.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { dataCacheFolder } from '../node/data/cache-folder.ts';
import { findHeart, siteSource } from '../node/data/find-heart.ts';
import { fileSource } from '../node/data/read-file.ts';
import { dealSites, type NamedSite } from '../simulation/deal-sites.ts';
import { generateSites } from '../simulation/generated-sites.ts';

export interface SimulatedData {
  /** Names the data in every output; generated data is called so. */
  readonly label: string;
  readonly generated: boolean;
  /** One per client. */
  readonly sites: readonly NamedSite[];
}

export interface DataChoice {
  /** Folder with one table per site, or undefined. */
  readonly folder: string | undefined;
  readonly generated: boolean;
  /** Undefined: one per table. */
  readonly clients: number | undefined;
  readonly seed: number;
}

const generatedSites = 4;

/** Loads a site for each client. Throws UserError naming file, row and column. */
export async function simulatedData(task: Task, choice: DataChoice): Promise<SimulatedData> {
  const { folder, seed } = choice;
  if (folder !== undefined) {
    const tables = await loadFolder(task.data, folder);
    return {
      label: `${tables.length} tables of ${folder}`,
      generated: false,
      sites: dealSites(tables, choice.clients ?? tables.length),
    };
  }
  if (!choice.generated && isHeartSchema(task.data)) {
    const heart = await findHeart({ env: process.env, cacheDir: dataCacheFolder(process.env) });
    const tables = await Promise.all(
      heart.sites.map(async site => ({ name: site.name, data: await loadSite(task.data, siteSource(site)) })),
    );
    return {
      label: heart.label,
      generated: heart.source === 'generated',
      sites: dealSites(tables, choice.clients ?? tables.length),
    };
  }
  const sites = await generateSites(task.data, choice.clients ?? generatedSites, seed);
  return { label: 'generated tables (invented rows, not real data)', generated: true, sites };
}

async function loadFolder(schema: DataSchema, folder: string): Promise<NamedSite[]> {
  const files = tableFiles(folder);
  if (files.length === 0)
    throw new UserError(folder, 'holds no *.csv or *.data file', 'Put one file per site into it.');
  const names = files.map(file => siteName(join(folder, file)));
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (twice !== -1)
    throw new UserError(
      join(folder, files[twice]),
      `is a second file of site "${names[twice]}"`,
      'Rename one of them.',
    );
  return Promise.all(
    files.map(async (file, i) => ({ name: names[i], data: await loadSite(schema, fileSource(join(folder, file))) })),
  );
}

function tableFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(entry => !entry.isDirectory() && /^[^.].*\.(?:csv|data)$/i.test(entry.name))
      .map(entry => entry.name)
      .sort();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UserError(folder, `is not a folder that can be read (${code})`, 'Check the path after --data.', {
      cause,
    });
  }
}

/** processed.cleveland.data → cleveland. */
function siteName(path: string): string {
  const name = basename(path)
    .replace(/\.[^.]*$/, '')
    .replace(/^processed\./, '')
    .toLowerCase();
  if (isName(name)) return name;
  throw new UserError(path, 'has a name that cannot name a site', 'Rename it: letters, digits, dots and dashes.');
}
