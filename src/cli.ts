#!/usr/bin/env node
import { version } from './cli/version.js';

const argv = process.argv.slice(2);

// Whoever reads has seen enough (`| head`): no more can be said, and nothing is wrong.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  throw error;
});
process.stderr.on('error', () => undefined);

// Asked for often and by scripts: answered before anything else is loaded.
if (argv.length === 1 && ['-V', '--version'].includes(argv[0])) process.stdout.write(`${version()}\n`);
else {
  const { defect, main } = await import('./cli/main.js');
  process.on('uncaughtException', (error) => {
    process.exit(defect(error, argv.includes('--verbose'), process));
  });
  process.exitCode = await main(argv, process);
}
