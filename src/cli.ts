#!/usr/bin/env node
import { defect, main } from './cli/main.js';

const argv = process.argv.slice(2);

// Whoever reads has seen enough (`| head`): no more can be said, and nothing is wrong.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  throw error;
});
process.stderr.on('error', () => undefined);
process.on('uncaughtException', (error) => {
  process.exit(defect(error, argv.includes('--verbose'), process));
});

process.exitCode = await main(argv, process);
