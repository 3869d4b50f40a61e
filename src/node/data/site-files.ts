/** A site's data on disk: what the path after --data means, by the format that the task declares. */
import type { SiteData } from '../../core/data/dataset.ts';
import { imageSite } from '../../core/data/image-site.ts';
import type { DataSchema } from '../../core/data/schema.ts';
import { loadSite } from '../../core/data/table.ts';
import { textSite } from '../../core/data/text-site.ts';
import { isImageFolder, loadImages } from './image-files.ts';
import { readText } from './plain-chunks.ts';
import { fileSource, requireFile } from './read-file.ts';

/**
 * Throws UserError where there is nothing at the path that this user may read as data of a site, whatever the format: no
 * file, and no folder with images. Reads nothing.
 */
export function requireSite(path: string): void {
  if (!isImageFolder(path)) requireFile(path);
}

/**
 * Loads the data of one site, split by the task. Tables: a CSV file. Images: a folder of IDX files or a .safetensors file
 * (`loadImages`). Text: a UTF-8 file. Throws UserError naming the place and the remedy for whatever does not fit.
 */
export async function loadSiteFrom(schema: DataSchema, path: string): Promise<SiteData> {
  switch (schema.format) {
    case 'csv':
      return loadSite(schema, fileSource(path));
    case 'images': {
      const { train, test } = await loadImages(schema, path);
      return imageSite(schema, train, test, path);
    }
    case 'text':
      return textSite(schema, await readText(path), path);
  }
}
