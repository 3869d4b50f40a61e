/** The rules of ARCHITECTURE.md that the compiler cannot see. Each takes the sources and names every breach. */
import { posix } from 'node:path';
import { codeOf, importsOf } from './source.ts';

/** Path from the repository's root (src/core/…), with forward slashes → text. */
export type Sources = ReadonlyMap<string, string>;

interface Layer {
  /** Layers that this one may import, itself included. */
  readonly layers: readonly string[];
  /** Packages from npm; `*` allows any. */
  readonly packages: readonly string[];
  /** Whether Node's own modules may be imported. */
  readonly node: boolean;
}

const pure = [
  'zod',
  '@noble/ciphers',
  '@noble/curves',
  '@noble/hashes',
  '@noble/post-quantum',
  'libsodium-wrappers-sumo',
];

export const layers: Readonly<Record<string, Layer>> = {
  core: { layers: ['core'], packages: pure, node: false },
  client: { layers: ['core', 'client'], packages: pure, node: false },
  coordinator: { layers: ['core', 'coordinator'], packages: pure, node: false },
  simulation: { layers: ['core', 'client', 'coordinator', 'simulation'], packages: pure, node: false },
  node: { layers: ['core', 'client', 'coordinator', 'node'], packages: ['*'], node: true },
  conformance: {
    layers: ['core', 'coordinator', 'node', 'conformance'],
    packages: ['zod', '@noble/post-quantum', 'libsodium-wrappers-sumo'],
    node: true,
  },
  cli: {
    layers: ['core', 'client', 'coordinator', 'simulation', 'node', 'conformance', 'cli', 'bench'],
    packages: ['*'],
    node: true,
  },
};

/** A file imports only what its layer may import. */
export function layerBreaches(sources: Sources): string[] {
  return eachImport(sources).flatMap(({ path, specifier, target }) => {
    const name = layerOf(path);
    if (!Object.hasOwn(layers, name)) return [`${path}: src/${name} is not a layer`];
    const layer = layers[name];
    if (target !== null) {
      return layer.layers.includes(layerOf(target))
        ? []
        : [`${path}: ${name} imports ${layerOf(target)} (${specifier})`];
    }
    if (specifier.startsWith('node:')) return layer.node ? [] : [`${path}: ${name} imports ${specifier}`];
    const allowed = layer.packages.some(one => one === '*' || specifier === one || specifier.startsWith(`${one}/`));
    return allowed ? [] : [`${path}: ${name} imports the package ${specifier}`];
  });
}

/** Every relative import names a file, with its ending. */
export function brokenImports(sources: Sources): string[] {
  return eachImport(sources)
    .filter(({ target }) => target?.startsWith('src/') && !sources.has(target))
    .map(({ path, specifier }) => `${path}: there is no ${specifier}`);
}

/** Files that import each other in a circle: one line per circle found. Type imports count: a reader follows them too. */
export function fileCycles(sources: Sources): string[] {
  const edges = new Map<string, string[]>([...sources.keys()].map(path => [path, []]));
  for (const { path, target } of eachImport(sources))
    if (target !== null && target !== path) edges.get(path)?.push(target);
  return cycles(edges);
}

/** Top folders of src/ that import each other in a circle. */
export function folderCycles(sources: Sources): string[] {
  const edges = new Map<string, string[]>([...sources.keys()].map(path => [layerOf(path), []]));
  for (const { path, target } of eachImport(sources)) {
    if (target !== null && layerOf(target) !== layerOf(path)) edges.get(layerOf(path))?.push(layerOf(target));
  }
  return cycles(edges);
}

const impure = [
  /(?<![.\w$])Date\b/,
  /\bMath\s*\.\s*random\b/,
  /(?<![.\w$])performance\b/,
  /(?<![.\w$])console\b/,
  /(?<![.\w$])(?:setTimeout|setInterval|setImmediate)\b/,
  /(?<![.\w$])process\b(?!\s*[(:?])/,
  /(?<![.\w$])(?:globalThis|window)\b(?!\s*[:?])/,
  // A word of its own elsewhere: what a member has of itself.
  /(?<![.\w$])self\s*\??\./,
  /(?<![.\w$])crypto\s*\./,
  /(?<![.\w$])(?:fetch|Buffer|require)\b(?!\s*[:?])/,
];

/** The core has no clock, no randomness, no console, no process: they arrive as ports. */
export function impureCore(sources: Sources): string[] {
  return matches(sources, path => path.startsWith('src/core/') && !path.endsWith('.d.ts') && !isKernel(path), impure);
}

/** Numbers that can be foretold make no key, no mask and no noise: no layer takes them from the platform. Seeded streams say what they are. */
export function predictableNumbers(sources: Sources): string[] {
  return matches(sources, path => !path.endsWith('.d.ts'), [
    /(?<![.\w$])Math\s*(?:\?\.)?\s*(?:\.\s*random\b|\[)/,
    /\{[^{}]*\brandom\b[^{}]*\}\s*=\s*Math\b/,
    /(?<!\}\s*)=\s*Math\s*[;,)\n]/,
  ]);
}

/** Nothing that arrives as data is run as code. */
export function codeFromText(sources: Sources): string[] {
  const evaluated = matches(sources, path => !path.endsWith('.d.ts'), [
    /(?<![.\w$])eval\s*\(/,
    /(?<![.\w$])Function\s*\(/,
  ]);
  const machines = eachImport(sources).filter(({ specifier }) => /^(?:node:)?vm(?:\/|$)/.test(specifier));
  return [...evaluated, ...machines.map(({ path, specifier }) => `${path}: ${specifier}`)];
}

/** `any` switches the type check off where it stands. */
export function untyped(sources: Sources): string[] {
  return matches(sources, path => !isKernel(path), [/(?<![.\w$])any\b(?!\s*[(?])/]);
}

const vague = /^(?:utils?|helpers?|common|shared|misc|types?|managers?|services?|base|lib|stuff)$/;

/** Folders and files are named by the concept they hold; nobody imports a folder. */
export function vagueNames(sources: Sources): string[] {
  return [...sources.keys()].filter(path => {
    const words = path.split('/').flatMap(segment => segment.replace(/\..*$/, '').split('-'));
    return words.some(word => vague.test(word)) || /(?:^|\/)index\.\w+$/.test(path);
  });
}

export const longestFile = 400;

/** One concept per file: more lines than this hold two. */
export function longFiles(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length;
    return lines < longestFile ? [] : [`${path}: ${lines} lines`];
  });
}

/** AssemblyScript: another language in the same syntax, built by its own compiler. */
function isKernel(path: string): boolean {
  return path.endsWith('.as.ts');
}

function layerOf(path: string): string {
  const [top, layer] = path.split('/');
  return top === 'src' ? layer : top;
}

function eachImport(sources: Sources): { path: string; specifier: string; target: string | null }[] {
  return [...sources]
    .filter(([path]) => !isKernel(path))
    .flatMap(([path, text]) =>
      importsOf(text).map(specifier => {
        const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null;
        return { path, specifier, target };
      }),
    );
}

function matches(sources: Sources, concerns: (path: string) => boolean, patterns: readonly RegExp[]): string[] {
  return [...sources].flatMap(([path, text]) => {
    if (!concerns(path)) return [];
    const code = codeOf(text);
    return patterns.flatMap(pattern => {
      const found = pattern.exec(code);
      return found === null ? [] : [`${path}: ${found[0].trim()}`];
    });
  });
}

/** Depth first; a circle is reported once, where the search closes it. */
function cycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const open: string[] = [];
  const found: string[] = [];
  const visit = (node: string): void => {
    if (done.has(node)) return;
    const start = open.indexOf(node);
    if (start !== -1) {
      found.push([...open.slice(start), node].join(' → '));
      return;
    }
    open.push(node);
    for (const next of edges.get(node) ?? []) visit(next);
    open.pop();
    done.add(node);
  };
  for (const node of edges.keys()) visit(node);
  return found;
}
