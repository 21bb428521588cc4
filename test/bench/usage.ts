import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

// Loaded into a program that is measured (`node --import`): at its end it says on descriptor 3 what all its threads took.
if (isMainThread) process.on('exit', () => writeSync(3, JSON.stringify(process.resourceUsage())));
