import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The folders of src, lowest first: a file imports only from its own folder and from those before it. */
const LAYERS = [
  'source',
  'address',
  'packet',
  'rules',
  'capture',
  'frontend',
  'host',
  'klog',
  'engine',
  'observed',
  'compare',
  'explain',
  'report',
  'lab',
  'cli',
];
/** What stands beside the folders: the spine from inputs to result uses everything but reports, labs and the command line. */
const TOP: Record<string, number> = {
  'given.ts': LAYERS.indexOf('host') + 0.5,
  'run.ts': LAYERS.indexOf('explain') + 0.5,
  'index.ts': LAYERS.indexOf('lab') + 0.5,
  'cli.ts': LAYERS.length,
};

const SRC = resolve(import.meta.dirname, '../src');

function files(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : path.endsWith('.ts') ? [path] : [];
  });
}

function layer(path: string): number {
  const [first] = relative(SRC, path).split('/');
  return first in TOP ? TOP[first] : LAYERS.indexOf(first);
}

function imports(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)].map((m) =>
    resolve(dirname(path), m[1].replace(/\.js$/, '.ts')),
  );
}

describe('the layout is the architecture', () => {
  const all = files(SRC);

  it('knows every folder of src', () => {
    expect(all.filter((f) => layer(f) < 0).map((f) => relative(SRC, f))).toEqual([]);
  });

  it('lets a folder import only from those above it', () => {
    const wrong = all.flatMap((file) =>
      imports(file)
        .filter((target) => layer(target) > layer(file))
        .map((target) => `${relative(SRC, file)} imports ${relative(SRC, target)}`),
    );
    expect(wrong).toEqual([]);
  });

  it('keeps the report blind to everything but the result', () => {
    const seen = all
      .filter((f) => relative(SRC, f).startsWith('report/'))
      .flatMap((f) => imports(f).map((t) => relative(SRC, t).split('/')[0]));
    expect(seen.filter((d) => ['capture', 'engine', 'frontend', 'host'].includes(d))).toEqual([]);
  });
});
