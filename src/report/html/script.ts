import { readFileSync } from 'node:fs';

/** The page's script, in the order in which its files are put together; the last one starts it. */
const FILES = ['dom', 'pieces', 'format', 'table', 'tables', 'stations', 'picture', 'walk', 'way', 'main'];

let text: string | null = null;

/** The compiled files of client/, as one script without modules, so that it runs in a page opened from disk. */
export function clientScript(): string {
  text ??= `'use strict';\n${FILES.map(readCompiled).join('\n')}`;
  return text;
}

function readCompiled(name: string): string {
  // Run from its sources, as the tests do, the program finds the page's script where the build put it.
  const folder = import.meta.url.endsWith('.ts') ? '../../../dist/report/html/client' : './client';
  const compiled = readFileSync(new URL(`${folder}/${name}.js`, import.meta.url), 'utf8');
  return compiled.replace(/^['"]use strict['"];\n/, '').replace(/^\/\/# sourceMappingURL=.*$/m, '');
}
