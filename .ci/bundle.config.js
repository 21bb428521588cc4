import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';

const DIST = resolve(import.meta.dirname, '../dist');
const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8'),
);
const PACKAGES = Object.keys({ ...dependencies, ...optionalDependencies });

/**
 * Makes few files of the hundreds that the program loads: Node.js takes about a millisecond for each module. What tsc wrote
 * stays beside them, for `import 'nfreplay'` and for what is run as a process of its own.
 */
export default {
  input: { main: `${DIST}/cli/main.js`, 'jobs/worker': `${DIST}/cli/jobs/worker.js` },
  platform: 'node',
  external: (id) =>
    id.startsWith('node:') || PACKAGES.some((name) => id === name || id.startsWith(`${name}/`)),
  tsconfig: false,
  transform: { target: 'node20' },
  plugins: [
    {
      name: 'keep places',
      // Files beside a module are found from where it was: all chunks stand one folder below dist.
      transform(code, id) {
        const place = `new URL('../${relative(DIST, id)}', import.meta.url).href`;
        return code.includes('import.meta.url') ? code.replaceAll('import.meta.url', place) : null;
      },
    },
  ],
  output: {
    dir: DIST,
    format: 'esm',
    entryFileNames: 'cli/[name].js',
    chunkFileNames: 'bundle/[name].js',
    comments: false,
  },
};
