/** Opens a page of this checkout in a headless Chromium and waits for what it posts to /result. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Path of a Chromium, or null: CHROMIUM, else one of its usual names on the PATH. */
export function findChromium(): string | null {
  const names = [process.env.CHROMIUM ?? '', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  for (const name of names.filter(name => name !== '')) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore', timeout: 20_000 });
      return name;
    } catch {
      // Not this one.
    }
  }
  return null;
}

/** What the test answers to bytes that the page has posted to another path than /result. */
export type Answer = (path: string, body: Uint8Array) => Promise<Uint8Array>;

/** Runs a module of the checkout (a path from its root) in a page; resolves with what it posts to /result, and rejects after `limitMs`. */
export async function runInPage(chromium: string, module: string, answer?: Answer, limitMs = 60_000): Promise<unknown> {
  const posted = Promise.withResolvers<unknown>();
  const server = createServer((request, response) => {
    serve(module, request, response, posted.resolve, answer).catch(posted.reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const profile = mkdtempSync(join(tmpdir(), 'parley-browser-'));
  const browser = open(chromium, profile, `http://127.0.0.1:${port}/`);
  const timer = setTimeout(() => posted.reject(new Error(`the page has not answered in ${limitMs} ms`)), limitMs);
  browser.once('exit', code => posted.reject(new Error(`the browser ended with ${code}`)));
  try {
    return await posted.promise;
  } finally {
    clearTimeout(timer);
    browser.removeAllListeners('exit');
    const ended = once(browser, 'exit');
    browser.kill('SIGKILL');
    await ended;
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

function open(chromium: string, profile: string, url: string): ChildProcess {
  const flags = [
    '--headless=new',
    // Containers run tests as root, where Chromium's own sandbox does not start; the page is ours.
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    `--user-data-dir=${profile}`,
    url,
  ];
  return spawn(chromium, flags, { stdio: 'ignore' });
}

async function serve(
  module: string,
  request: IncomingMessage,
  response: ServerResponse,
  resolve: (value: unknown) => void,
  answer: Answer | undefined,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'POST') {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (pathname !== '/result' && answer !== undefined) {
      response.end(await answer(pathname, Uint8Array.from(body)));
      return;
    }
    response.end();
    resolve(JSON.parse(body.toString()));
    return;
  }
  if (pathname === '/') {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Parley</title><script type="module" src="/${module}"></script>`);
    return;
  }
  const path = normalize(join(root, pathname));
  if (!path.startsWith(root) || !/\.(?:ts|js|mjs)$/.test(path)) {
    response.statusCode = 404;
    response.end();
    return;
  }
  response.setHeader('content-type', 'text/javascript');
  response.end(asModule(path));
}

/** Packages that are named alone, and their modules. */
const packages: Readonly<Record<string, string>> = {
  zod: 'zod/index.js',
  'libsodium-wrappers-sumo': 'libsodium-wrappers-sumo/dist/modules-sumo-esm/libsodium-wrappers.mjs',
  'libsodium-sumo': 'libsodium-sumo/dist/modules-sumo-esm/libsodium-sumo.mjs',
};
const imported = new RegExp(
  `(from\\s*|import\\s*)(['"])(@noble/[\\w-]+/[\\w./-]+|${Object.keys(packages).join('|')})\\2`,
  'g',
);

/** A module as a browser takes it: types stripped, packages by their place. (Workers know no import maps.) */
function asModule(path: string): string {
  const text = readFileSync(path, 'utf8');
  const script = path.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
  return script.replace(
    imported,
    (_, keyword, quote, name) => `${keyword}${quote}/node_modules/${packages[name] ?? name}${quote}`,
  );
}
