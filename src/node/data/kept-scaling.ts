/**
 * The scaling that a client fitted on its training rows for a task, kept in its home: whoever uses the model at this site later
 * scales by it. It never leaves the site; it tells mean and spread of every feature.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Scaler, SiteData } from '../../core/data/dataset.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';
import { makePrivateFolder } from '../storage/private-folder.ts';

const kept = z.strictObject({
  features: z.array(z.string()),
  center: z.array(z.number()),
  spread: z.array(z.number().gt(0)),
});

/** Keeps the scaling of a site, if it has one, durably; what was kept for the task before is replaced. */
export function keepScaling(home: string, taskHash: string, { scaler, featureNames }: SiteData): void {
  if (scaler === null) return;
  const folder = join(home, 'scaling');
  makePrivateFolder(folder);
  const text = { features: [...featureNames], center: [...scaler.center], spread: [...scaler.spread] };
  writeDurable(join(folder, `${taskHash}.json`), `${JSON.stringify(text)}\n`, 0o600);
}

/** The scaling kept for a task. Throws UserError where there is none, or none of these features. */
export function readScaling(home: string, taskHash: string, featureNames: readonly string[]): Scaler {
  const path = join(home, 'scaling', `${taskHash}.json`);
  const remedy =
    "Name the home of a client that trained this model with --home, or its site's training table with --scale-by.";
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'is not there: this client has not trained the model' : 'cannot be read';
    throw new UserError(path, what, remedy, { cause });
  }
  const { success, data } = kept.safeParse(value);
  const width = featureNames.length;
  const fits =
    success &&
    data.center.length === width &&
    data.spread.length === width &&
    data.features.length === width &&
    data.features.every((name, i) => name === featureNames[i]);
  if (!fits) throw new UserError(path, 'does not hold the scaling of this task', remedy);
  return { center: Float64Array.from(data.center), spread: Float64Array.from(data.spread) };
}
