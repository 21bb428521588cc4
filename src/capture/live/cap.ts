import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import type { CaptureError } from '../frame.js';
import { DEFAULT_RING, type LiveEngine, type LiveOptions } from './lane.js';
import { refusal } from './refusal.js';
import { type FragileLane, resumed } from './resume.js';

/** What needs the capabilities to capture. */
const PROGRAM = '$(readlink -f "$(command -v node)")';

/** What the child is told. */
export interface CapRequest {
  readonly device: string;
  readonly filter: string;
  readonly snaplen: number;
  readonly ring: number;
}

/** What the child says. */
export type CapAnswer =
  | { readonly kind: 'opened' }
  /** The package cannot be loaded; `message` is Node's code. */
  | { readonly kind: 'missing'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'dropped'; readonly count: number };

/** libpcap's MAXIMUM_SNAPLEN, bytes. */
const NO_LIMIT = 262_144;
/** How long what the child wrote before it ended may take to reach us, ms. */
const LAST_WORDS = 100;
/** Frames come one by one as they arrive; ns. */
const LAG = 200e6;

/** Captures with the optional package cap, in processes of its own: a new one where the interface is up again. */
export const cap: LiveEngine = (device, options) => resumed(() => startChild(device, options));

function startChild(
  device: string,
  { filter = '', snaplen = NO_LIMIT, ring = DEFAULT_RING }: LiveOptions,
): FragileLane {
  const child = fork(fileURLToPath(new URL('./capChild.js', import.meta.url)), [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  let stopped = false;
  let aborted = false;
  let said = '';
  let dropped: number | null = null;
  let opened: (error: CaptureError | null) => void = () => undefined;
  const started = new Promise<CaptureError | null>((resolve) => (opened = resolve));
  const stop = (): void => {
    stopped = true;
    if (child.connected) child.disconnect();
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  child.on('message', (answer: CapAnswer) => {
    if (answer.kind === 'dropped') dropped = answer.count;
    else if (answer.kind === 'opened') opened(null);
    else {
      opened(
        answer.kind === 'missing'
          ? notInstalled(device, answer.message)
          : refusal(device, answer.message, PROGRAM),
      );
      stop();
    }
  });
  const ended = new Promise<string | null>((resolve) => {
    child.on('error', (error) => {
      opened(refusal(device, error.message, PROGRAM));
      resolve(error.message);
    });
    // Not 'close': with a channel for messages it need not come.
    child.on('exit', (status, signal) => {
      aborted = signal === 'SIGABRT';
      setTimeout(() => {
        const why = endOf(said, status, signal);
        opened(refusal(device, why, PROGRAM));
        resolve(stopped ? null : why);
      }, LAST_WORDS);
    });
  });
  child.send({ device, filter, snaplen, ring } satisfies CapRequest, () => undefined);
  return {
    interface: device,
    bytes: child.stdout as Readable,
    lag: LAG,
    started,
    ended,
    dropped: () => dropped,
    // cap asserts that libpcap can go on, and it cannot where the interface went down.
    wentDown: () => aborted,
    stop,
  };
}

function endOf(said: string, status: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGABRT') return 'cap gave up, as it does when the interface goes down';
  const how = signal ? `was ended by ${signal}` : `ended with status ${status}`;
  const last = said.trim().split('\n').at(-1) ?? '';
  return `the process that captures ${how}${last ? `: ${last}` : ''}`;
}

function notInstalled(device: string, code: string): CaptureError {
  return {
    file: device,
    kind: 'tool missing',
    message: `the optional package cap, which captures, is not installed (${code})`,
    advice:
      'install libpcap (apt install libpcap-dev, dnf install libpcap-devel), then npm install cap; or capture with --via tcpdump',
  };
}
