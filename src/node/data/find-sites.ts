/** The sites of a folder: which of its entries hold the data of one site each, by the format of the task. */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DataSchema } from '../../core/data/schema.ts';
import { isName } from '../../core/protocol/identity.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { isImageSite } from './image-files.ts';

export interface SitePlace {
  /** Of the file or folder; could stand in a certificate. */
  readonly name: string;
  /** What `loadSiteFrom` reads. */
  readonly path: string;
}

type Format = DataSchema['format'];

const wanted: Readonly<Record<Format, string>> = {
  csv: '*.csv or *.data file',
  images: 'images: no *.safetensors file, no images.idx, no folder with one',
  text: '*.txt file',
};

/**
 * The sites at a path, in the order of their names: the path itself where it is one site's data, else the entries of the
 * folder that are. Throws UserError where there are none, or two of one name.
 */
export function findSites(format: Format, path: string): SitePlace[] {
  if (isSite(format, path)) return [{ name: siteName(path), path }];
  const places = entries(path)
    .map(entry => join(path, entry))
    .filter(place => isSite(format, place))
    .map(place => ({ name: siteName(place), path: place }));
  if (places.length === 0)
    throw new UserError(path, `holds no ${wanted[format]}`, 'Put the data of each site into it.');
  const twice = places.find(({ name }, i) => places.findIndex(other => other.name === name) !== i);
  if (twice === undefined) return places;
  throw new UserError(twice.path, `is a second file of site "${twice.name}"`, 'Rename one of them.');
}

function isSite(format: Format, path: string): boolean {
  if (format === 'images') return isImageSite(path);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return !isFolder && (format === 'csv' ? /\.(?:csv|data)$/i : /\.txt$/i).test(path);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter(name => !name.startsWith('.'))
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
    .replace(/\.(?:csv|data|txt|safetensors)$/i, '')
    .replace(/^processed\./, '')
    .toLowerCase();
  if (isName(name)) return name;
  throw new UserError(path, 'has a name that cannot name a site', 'Rename it: letters, digits, dots and dashes.');
}
