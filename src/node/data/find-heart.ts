/** Finds the heart data for a first run: given, in the environment, in the cache, or else generated. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { generateClinics } from '../../core/data/clinics.ts';
import type { TableSource } from '../../core/data/csv.ts';
import { heartCredit, heartFiles, heartLicence, heartSchema } from '../../core/data/heart.ts';
import { loadSite } from '../../core/data/table.ts';
import { isName } from '../../core/protocol/identity.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { dataCacheFolder } from './cache-folder.ts';
import { isPinned, verifyPinned } from './pinned-file.ts';
import { bytesSource, fileSource } from './read-file.ts';

/** One site's table, on disk or in memory. */
export type HeartSite =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly file: string; readonly bytes: Uint8Array };

export interface HeartData {
  readonly source: 'given' | 'environment' | 'cache' | 'generated';
  /** Names the data in every output; generated data is called so. */
  readonly label: string;
  readonly sites: readonly HeartSite[];
  /** Whom to credit, for the published files. */
  readonly credit?: string;
  /** One line that says how to get the real data, where they are not used. */
  readonly hint?: string;
}

export interface FindHeartOptions {
  /** Folder the user named. */
  readonly data?: string;
  readonly env: NodeJS.ProcessEnv;
  /** Default: `dataCacheFolder(env)`. */
  readonly cacheDir?: string;
}

/** Seed of the generated clinics. */
const clinicSeed = 9;
const published = 'UCI Heart Disease, four hospitals';

/**
 * The first of: the folder the user named (its four published files, else each `*.data` and `*.csv` of it, one a site),
 * $PARLEY_DATA_DIR/heart, the cache that `parley data get heart` fills, four generated clinics. Nothing is downloaded.
 * The published files are checked by SHA-256 wherever they come from but a named folder; there every file is read through.
 * Throws UserError naming the file that does not hold.
 */
export async function findHeart({ data, env, cacheDir }: FindHeartOptions): Promise<HeartData> {
  if (data !== undefined) return givenData(data);
  if (env.PARLEY_DATA_DIR !== undefined && env.PARLEY_DATA_DIR !== '') {
    const folder = join(env.PARLEY_DATA_DIR, 'heart');
    const present = presentFiles(folder);
    if (present > 0 && present < heartFiles.length) throw incomplete(folder);
    if (present > 0) return publishedData('environment', folder);
  }
  const cache = join(cacheDir ?? dataCacheFolder(env), 'heart');
  if (presentFiles(cache) === heartFiles.length) return publishedData('cache', cache);
  return {
    source: 'generated',
    label: 'generated clinics (invented patients, not real data)',
    sites: generateClinics(clinicSeed).map(({ name, file, text }) => ({
      name,
      file,
      bytes: new TextEncoder().encode(text),
    })),
    hint: 'These clinics are generated. For the real hospitals run: npm run -s parley -- data get heart',
  };
}

/** The table of a site, to load once. */
export function siteSource(site: HeartSite): TableSource {
  return 'path' in site ? fileSource(site.path) : bytesSource(site.file, site.bytes);
}

function presentFiles(folder: string): number {
  return heartFiles.filter(({ file }) => existsSync(join(folder, file))).length;
}

function incomplete(folder: string): UserError {
  const missing = heartFiles.filter(({ file }) => !existsSync(join(folder, file))).map(({ file }) => file);
  return new UserError(folder, `lacks ${missing.join(', ')}`, 'Add the missing files, or unset PARLEY_DATA_DIR.');
}

async function publishedData(source: 'environment' | 'cache', folder: string): Promise<HeartData> {
  const sites: HeartSite[] = [];
  for (const pinned of heartFiles) {
    const path = join(folder, pinned.file);
    await verifyPinned(path, pinned);
    sites.push({ name: pinned.site, path });
  }
  return { source, label: published, sites, credit: `${heartCredit}; ${heartLicence}` };
}

async function givenData(folder: string): Promise<HeartData> {
  const files = tableFiles(folder);
  const isComplete = heartFiles.every(({ file }) => files.includes(file));
  const sites = (isComplete ? heartFiles.map(({ file }) => file) : files).map(file => ({
    name: siteName(folder, file),
    path: join(folder, file),
  }));
  if (sites.length < 2) {
    throw new UserError(
      folder,
      `holds ${sites.length === 0 ? 'no' : 'one'} *.data or *.csv file; a federation needs two sites at least`,
      'Put one file per site into the folder.',
    );
  }
  const twice = sites.find((site, i) => sites.findIndex(other => other.name === site.name) !== i);
  if (twice !== undefined)
    throw new UserError(twice.path, `is a second file of site "${twice.name}"`, 'Rename one of them.');
  for (const site of sites) await loadSite(heartSchema, fileSource(site.path));
  const isPublished =
    isComplete && (await Promise.all(heartFiles.map(f => isPinned(join(folder, f.file), f)))).every(Boolean);
  return isPublished
    ? { source: 'given', label: published, sites, credit: `${heartCredit}; ${heartLicence}` }
    : { source: 'given', label: `${sites.length} sites of ${folder}`, sites };
}

function tableFiles(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries
      .filter(entry => !entry.isDirectory() && /\.(?:data|csv)$/i.test(entry.name) && !entry.name.startsWith('.'))
      .map(entry => entry.name)
      .sort();
  } catch (cause) {
    throw new UserError(
      folder,
      `is not a folder that can be read (${(cause as NodeJS.ErrnoException).code})`,
      'Check the path after --data.',
      {
        cause,
      },
    );
  }
}

/** processed.cleveland.data → cleveland. The name goes into the site's certificate. */
function siteName(folder: string, file: string): string {
  const name = basename(file)
    .replace(/\.[^.]*$/, '')
    .replace(/^processed\./, '')
    .toLowerCase();
  if (isName(name)) return name;
  throw new UserError(
    join(folder, file),
    'has a name that cannot name a site',
    'Rename it: letters, digits, dots and dashes, then .csv or .data.',
  );
}
