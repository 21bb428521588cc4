import { spawn, spawnSync } from 'node:child_process';
import type { CaptureError } from '../frame.js';
import { DEFAULT_RING, type LiveEngine, type LiveOptions } from './lane.js';
import { refusal } from './refusal.js';

/** What needs the capabilities to capture. */
const PROGRAM = '$(command -v tcpdump)';

/** How often tcpdump is asked for its counts, ms. */
const COUNT_INTERVAL = 2000;
/** How long it may take to write its last frames after it was asked to end, ms. */
const PATIENCE = 3000;
/** libpcap hands frames over when a block is full, or after this time (tcpdump.c: a read timeout of 1 s); ns. */
const BLOCK_LAG = 1.2e9;
/** tcpdump's words that are kept for a message, characters. */
const WORDS = 2000;

/** Whether tcpdump is on this machine. */
export function hasTcpdump(): boolean {
  const { error } = spawnSync('tcpdump', ['--version'], { stdio: 'ignore' });
  return error === undefined;
}

/** Captures with tcpdump: exact times, the packet type with `any`, and counts of what was lost. */
export const tcpdump: LiveEngine = (device, options) => {
  // A group of its own: Ctrl-C is for us, who then ask it to end.
  const child = spawn('tcpdump', tcpdumpArguments(device, options), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stopped = false;
  let said = '';
  let dropped = 0;
  let listening: (error: CaptureError | null) => void = () => undefined;
  const started = new Promise<CaptureError | null>((resolve) => (listening = resolve));
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    said = (said + text).slice(-WORDS);
    if (/listening on /.test(said)) listening(null);
    for (const [, count] of said.matchAll(/(\d+) packets? dropped by (?:kernel|interface)/g))
      dropped = Math.max(dropped, Number(count));
  });
  const asking = setInterval(() => child.kill('SIGUSR1'), COUNT_INTERVAL);
  asking.unref();
  const ended = new Promise<string | null>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearInterval(asking);
      listening(cannotRun(device, error));
      resolve(error.message);
    });
    child.on('close', (status, signal) => {
      clearInterval(asking);
      const why =
        lastWords(said) || (signal ? `tcpdump was ended by ${signal}` : `tcpdump ended (${status})`);
      listening(refusal(device, why, PROGRAM));
      resolve(stopped ? null : why);
    });
  });
  return {
    interface: device,
    bytes: child.stdout,
    lag: BLOCK_LAG,
    started,
    ended,
    dropped: () => dropped,
    stop(drain) {
      if (stopped) return;
      stopped = true;
      // tcpdump ends without what stands in a block that is not full yet; waiting hands it over.
      const wait = drain ? BLOCK_LAG / 1e6 : 0;
      const asked = setTimeout(() => child.kill('SIGINT'), wait);
      const forced = setTimeout(() => child.kill('SIGKILL'), wait + PATIENCE);
      child.on('exit', () => {
        clearTimeout(asked);
        clearTimeout(forced);
      });
    },
  };
};

function tcpdumpArguments(device: string, { filter, snaplen, ring = DEFAULT_RING }: LiveOptions): string[] {
  return [
    ...['-i', device, '-n', '-U', '-w', '-', '--time-stamp-precision=nano'],
    ...['-s', String(snaplen ?? 0), '-B', String(Math.ceil(ring / 1024))],
    // Root is given up by default (-Z); then a file or pipe may not be written.
    ...(filter ? ['--', filter] : []),
  ];
}

function cannotRun(device: string, error: NodeJS.ErrnoException): CaptureError {
  if (error.code === 'ENOENT')
    return {
      file: device,
      kind: 'tool missing',
      message: 'tcpdump is not installed',
      advice: 'install it (apt install tcpdump, dnf install tcpdump), or use --via cap',
    };
  return {
    file: device,
    kind: 'unreadable',
    message: `tcpdump cannot be run (${error.message})`,
    advice: '',
  };
}

/** tcpdump's last line that is no count, without its name. */
function lastWords(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line) => line !== '' && !/^(?:\d+|tcpdump: \d+|tcpdump: listening on|tcpdump: data link)/.test(line),
    );
  return lines.length > 0 ? lines[lines.length - 1].replace(/^tcpdump: /, '') : '';
}
