import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const DIST = resolve(import.meta.dirname, '../dist');

/**
 * Makes few files of the hundreds that the program and its packages are: Node.js takes about a millisecond for each module. What
 * tsc wrote stays beside them, for `import 'nfreplay'` and for what is run as a process of its own.
 */
export default {
  input: { main: `${DIST}/cli/main.js`, 'jobs/worker': `${DIST}/cli/jobs/worker.js` },
  platform: 'node',
  // cap is compiled for the machine, and may not be there; pcap-parser uses what Node.js lets only packages use without a warning.
  external: (id) => id.startsWith('node:') || id === 'cap' || id === 'pcap-parser',
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
    {
      name: 'keep licences',
      generateBundle(_options, bundle) {
        const ids = Object.values(bundle).flatMap((chunk) => chunk.moduleIds ?? []);
        const roots = new Set(
          ids.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id) ?? []),
        );
        const source = [...roots].sort().map(licenceOf).join('\n');
        this.emitFile({ type: 'asset', fileName: 'LICENSES', source });
      },
    },
  ],
  output: {
    dir: DIST,
    format: 'esm',
    entryFileNames: 'cli/[name].js',
    chunkFileNames: 'bundle/[name].js',
    comments: false,
    // Names stay, for who reads a stack.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    codeSplitting: {
      groups: [
        // What `--help` needs, and all commands begin with.
        { name: 'start', test: /\/dist\/(?:cli\/(?:io|terminal|program)|source\/text)\.js$/, priority: 2 },
        { name: 'shared', minShareCount: 3, priority: 1 },
      ],
    },
  },
};

/** The licence of a package, as it is to be passed on. */
function licenceOf(root) {
  const file = readdirSync(root).find((name) => /^licen[cs]e/i.test(name));
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const text = file === undefined ? `${license}\n` : readFileSync(join(root, file), 'utf8');
  return `${name} ${version}\n\n${text}`;
}
