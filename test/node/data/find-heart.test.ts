import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { generateClinics } from '../../../src/core/data/clinics.ts';
import { heartFiles, heartSchema } from '../../../src/core/data/heart.ts';
import { loadSite } from '../../../src/core/data/table.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { dataCacheFolder } from '../../../src/node/data/cache-folder.ts';
import { findHeart, siteSource } from '../../../src/node/data/find-heart.ts';
import { fileChunks, fileSource } from '../../../src/node/data/read-file.ts';

const real = process.env.PARLEY_DATA_DIR;
const skip = real === undefined ? 'PARLEY_DATA_DIR is not set' : false;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-data-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A copy of the four published files in `<dir>/heart`. */
function publish(dir: string): string {
  mkdirSync(join(dir, 'heart'), { recursive: true });
  for (const { file } of heartFiles) {
    copyFileSync(join(real ?? '', 'heart', file), join(dir, 'heart', file));
  }
  return join(dir, 'heart');
}

const clinics = generateClinics(1);
const refused =
  (message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof UserError && message.test(error.message) && error.remedy !== '';

test('without any data, generated clinics are used, called so, with the line that gets the real ones', async t => {
  const found = await findHeart({ env: { PARLEY_DATA_DIR: folder(t) }, cacheDir: folder(t) });
  assert.equal(found.source, 'generated');
  assert.match(found.label, /generated/);
  assert.match(found.hint ?? '', /data get heart$/);
  assert.equal(found.sites.length, 4);
  for (const site of found.sites) {
    const data = await loadSite(heartSchema, siteSource(site));
    assert.equal(data.train.width, 13);
  }
});

test('the environment comes before the cache, and a named folder before both', { skip }, async t => {
  const [environment, cacheDir, given] = [folder(t), folder(t), folder(t)];
  const env = { PARLEY_DATA_DIR: environment };
  publish(cacheDir);
  assert.equal((await findHeart({ env, cacheDir })).source, 'cache');
  assert.equal((await findHeart({ env: {}, cacheDir })).source, 'cache');
  const system = { XDG_CACHE_HOME: cacheDir, LOCALAPPDATA: cacheDir };
  publish(join(cacheDir, 'parley', 'data'));
  assert.equal((await findHeart({ env: system })).source, 'cache');
  publish(environment);
  const found = await findHeart({ env, cacheDir });
  assert.equal(found.source, 'environment');
  assert.deepEqual(
    found.sites,
    heartFiles.map(({ site, file }) => ({ name: site, path: join(environment, 'heart', file) })),
  );
  assert.match(found.credit ?? '', /Janosi.*CC BY 4\.0/);
  for (const { file, text } of clinics) writeFileSync(join(given, file), text);
  const own = await findHeart({ data: given, env, cacheDir });
  assert.equal(own.source, 'given');
  assert.deepEqual(
    own.sites.map(({ name }) => name),
    ['clinic-east', 'clinic-north', 'clinic-south', 'clinic-west'],
  );
});

test('a published file that was changed is refused by name', { skip }, async t => {
  const dir = folder(t);
  const heart = publish(dir);
  writeFileSync(join(heart, 'processed.va.data'), clinics[0].text);
  await assert.rejects(findHeart({ env: {}, cacheDir: dir }), refused(/processed\.va\.data: is not the published/));
  await assert.rejects(
    findHeart({ env: { PARLEY_DATA_DIR: dir }, cacheDir: folder(t) }),
    refused(/processed\.va\.data: is not/),
  );
});

test('some of the files in the environment are an error, some in the cache an interrupted download', {
  skip,
}, async t => {
  const dir = folder(t);
  rmSync(join(publish(dir), 'processed.va.data'));
  await assert.rejects(
    findHeart({ env: { PARLEY_DATA_DIR: dir }, cacheDir: folder(t) }),
    refused(/lacks processed\.va\.data/),
  );
  assert.equal((await findHeart({ env: {}, cacheDir: dir })).source, 'generated');
});

test('a named folder with the four published files is used as such, whatever lies beside them', { skip }, async () => {
  const found = await findHeart({ data: join(real ?? '', 'heart'), env: {} });
  assert.deepEqual(
    found.sites.map(({ name }) => name),
    ['cleveland', 'hungarian', 'switzerland', 'va'],
  );
  assert.match(found.label, /^UCI Heart Disease/);
});

test('files of a named folder that do not hold are refused, naming file, row and column', async t => {
  const find = (dir: string) => findHeart({ data: dir, env: {}, cacheDir: folder(t) });
  const dir = folder(t);
  await assert.rejects(find(join(dir, 'none')), refused(/none: is not a folder/));
  await assert.rejects(find(dir), refused(/holds no/));
  writeFileSync(join(dir, 'one.csv'), clinics[0].text);
  writeFileSync(join(dir, 'notes.txt'), 'not a table');
  await assert.rejects(find(dir), refused(/holds one/));
  writeFileSync(join(dir, 'two.data'), `${clinics[1].text}63,1,9,145,233,1,2,150,0,2.3,3,0,6,0\n`);
  await assert.rejects(find(dir), refused(/two\.data:row 141, column "cp": expected one of 1, 2, 3, 4$/));
  writeFileSync(join(dir, 'two.data'), clinics[1].text);
  assert.equal((await find(dir)).label, `2 sites of ${dir}`);
  writeFileSync(join(dir, 'two.csv'), clinics[2].text);
  await assert.rejects(find(dir), refused(/two\.data: is a second file of site "two"/));
  rmSync(join(dir, 'two.csv'));
  writeFileSync(join(dir, 'Ward 7.csv'), clinics[2].text);
  await assert.rejects(find(dir), refused(/Ward 7\.csv: has a name that cannot name a site/));
});

test("a file comes in chunks that are its bytes, and a missing one is the user's to mend", async t => {
  const path = join(folder(t), 'big');
  const bytes = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => i % 251));
  writeFileSync(path, bytes);
  const parts: Uint8Array[] = [];
  for await (const chunk of fileChunks(path)) parts.push(chunk.slice());
  assert.ok(parts.length > 1);
  assert.deepEqual(Buffer.concat(parts), bytes);
  await assert.rejects(loadSite(heartSchema, fileSource(`${path}.none`)), refused(/big\.none: there is no such file/));
  await assert.rejects(loadSite(heartSchema, fileSource(join(path, '..'))), refused(/is a folder/));
});

test('the cache lies where the system keeps caches', () => {
  assert.equal(dataCacheFolder({ XDG_CACHE_HOME: '/var/c' }, 'linux'), join('/var/c', 'parley', 'data'));
  for (const env of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }]) {
    assert.equal(dataCacheFolder(env, 'linux'), join(homedir(), '.cache', 'parley', 'data'));
  }
  assert.equal(dataCacheFolder({ LOCALAPPDATA: '/app' }, 'win32'), join('/app', 'parley', 'data'));
});
