import { PassThrough, Writable } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import { readInputs } from '../inputs.js';
import { createTerminal } from '../terminal.js';
import { runPart } from './part.js';
import type { FromWorker, ToWorker, WorkerTask } from './split.js';

const { paths, options, index, count, keepsLines } = workerData as WorkerTask;
const port = parentPort!;

function silence(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

// What there is to say of the inputs, the thread that reads them too has said.
const io = { stdin: new PassThrough().end(), stdout: silence(), stderr: silence(), env: {} };
const inputs = await readInputs(paths, options, createTerminal(io, { quiet: true }));
port.once('message', (task: ToWorker) => {
  if (task.kind !== 'run') return;
  void run();
});

async function run(): Promise<void> {
  const { seed } = options;
  const ran = await runPart(inputs, index, count, { seed, keepsLines });
  port.once('message', (task: ToWorker) => {
    if (task.kind === 'finish') tell({ kind: 'part', part: ran.finish(task.now) });
  });
  tell({ kind: 'ran', refusal: ran.refusal, last: ran.last });
}

function tell(message: FromWorker): void {
  port.postMessage(message);
}
