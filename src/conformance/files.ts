/** From paths to cases: walks folders, reads each file once, and finds the reader of its format. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../core/protocol/problem.ts';
import type { Case } from './case.ts';
import type { Reader, VectorFile } from './reader.ts';
import { flowerReader } from './readers/flower.ts';
import { mlkemTextReader, xwingReader } from './readers/kem.ts';
import { consistencyReader, inclusionReader, referenceTreeReader } from './readers/merkle.ts';
import { modelSigningReader } from './readers/model-signing.ts';
import { privacyReader } from './readers/privacy.ts';
import { expandMessageReader, hashToCurveReader } from './readers/rfc9380.ts';
import { ristrettoReader } from './readers/rfc9496.ts';
import { rlweReader } from './readers/rlwe.ts';
import { robustReader } from './readers/robust.ts';
import { secaggDealReader, secaggSessionReader } from './readers/secagg.ts';
import { signedNoteReader } from './readers/signed-note.ts';
import { slip39Reader } from './readers/slip39.ts';
import { pineReader, vdafReader, xofReader } from './readers/vdaf.ts';
import { wycheproofReader } from './readers/wycheproof.ts';

/** First match wins: the narrower format stands before the wider one (PINE before VDAF). */
const readers: readonly Reader[] = [
  modelSigningReader,
  robustReader,
  flowerReader,
  privacyReader,
  wycheproofReader,
  hashToCurveReader,
  expandMessageReader,
  ristrettoReader,
  inclusionReader,
  consistencyReader,
  referenceTreeReader,
  slip39Reader,
  pineReader,
  vdafReader,
  xofReader,
  xwingReader,
  rlweReader,
  signedNoteReader,
  secaggSessionReader,
  secaggDealReader,
  mlkemTextReader,
];

/** Beside vectors lie texts, keys, schemas, and the files that a signature covers: no cases of their own. */
const material = /(?:^README(?:\.\w+)?|\.md|\.pem|\.schema\.json|^signme-\d+|^ignore-me)$/;

/** The cases of files and folders, in the order of the paths. Throws UserError for a file that cannot be read as vectors. */
export function readCases(paths: readonly string[]): Case[] {
  return paths.flatMap(path => {
    const info = look(path);
    return info.isDirectory() ? listFiles(path).flatMap(readFile) : readFile(path);
  });
}

function listFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap(entry => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return material.test(entry.name) ? [] : [path];
  });
}

function look(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    throw unreadable(path, 'cannot be opened', cause);
  }
}

function readFile(path: string): Case[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw unreadable(path, 'cannot be read', cause);
  }
  const place = resolve(path);
  const stem = basename(place).replace(/\.[^.]*$/, '');
  const file: VectorFile = { path, stem, folder: basename(dirname(place)), text, json: parseJson(text) };
  for (const reader of readers) {
    const cases = reader.read(file);
    if (cases !== null) return cases;
  }
  throw unreadable(
    path,
    file.json === undefined ? 'is not JSON and no other format known here' : 'has no format known here',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Other formats are text as well; whether this one is known is decided by the readers.
    return undefined;
  }
}

function unreadable(path: string, what: string, cause?: unknown): UserError {
  return new UserError(path, what, 'Name files of test vectors, or a folder that holds nothing else.', { cause });
}
