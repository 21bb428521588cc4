import { setTimeout as delay } from 'node:timers/promises';
import type { CaptureError, Frame, FrameSource } from '../frame.js';
import { takePcapHeader } from '../pcap.js';
import type { Complaints, CurrentFrame } from '../reader.js';
import { streamSource } from '../sources.js';
import { StreamedPcapReader } from '../streamed.js';
import { ByteWindow } from '../window.js';
import type { Interruption, LiveLane } from './lane.js';

/** How often what has come is handed on, ms. */
const TICK = 50;
/** Frames, and their bytes, that may wait; then the children have to. */
const MOST_WAITING = { frames: 200_000, bytes: 128 << 20 } as const;

/** A capture that is being made: frames by time, as far as they can be known to have come. */
export interface LiveFrames extends FrameSource {
  /** Ends the capture; what was taken until now is still given. */
  stop(): void;
  /** Frames lost; null where no engine tells. */
  dropped(): number | null;
  /** When the capture on an interface was interrupted, ns since capture start. */
  interruptions(): readonly (Interruption & { readonly interface: string })[];
}

type Waiting = { -readonly [K in keyof Frame]: Frame[K] };

/**
 * Merges running captures. Its time 0 is now. An interface that ends by itself is told in `errors`; when all have
 * ended, so do the frames.
 * @param now ns since the epoch
 */
export function liveFrames(lanes: readonly LiveLane[], now: () => bigint = wallClock): LiveFrames {
  const epoch = now();
  const errors: CaptureError[] = [];
  const warnings: string[] = [];
  const lag = Math.max(0, ...lanes.map((l) => l.lag));
  let waiting: Waiting[] = [];
  let bytes = 0;
  let open = lanes.length;
  let count = 0;
  let reached = 0;
  let stopped = false;

  const stop = (): void => {
    stopped = true;
    for (const lane of lanes) lane.stop(true);
  };

  const read = async (lane: LiveLane, file: number): Promise<void> => {
    const complaints: Complaints = {
      error: (kind, message, advice = '') => errors.push({ file: lane.interface, kind, message, advice }),
      // The last record of a child that was ended may be cut: that is said by how it ended.
      warning: (message) => void (stopped || warnings.push(`${lane.interface}: ${message}`)),
    };
    const window = new ByteWindow(streamSource(lane.bytes), 1 << 16);
    const header = (await window.have(4)) ? await takePcapHeader(window, complaints) : null;
    const reader = header && new StreamedPcapReader(window, header, complaints);
    while (reader) {
      while (reader.next()) {
        waiting.push(copyOf(reader.frame, lane.interface, file, epoch));
        bytes += reader.frame.bytes.length;
      }
      while (waiting.length > MOST_WAITING.frames || bytes > MOST_WAITING.bytes) await delay(TICK / 5);
      if (!(await reader.fill())) break;
    }
  };

  const follow = async (lane: LiveLane, file: number): Promise<void> => {
    const reading = read(lane, file).catch(
      (error: Error) => void warnings.push(`${lane.interface}: ${error.message}`),
    );
    const why = await lane.ended;
    await reading;
    if (why !== null && !stopped)
      errors.push({
        file: lane.interface,
        kind: 'unreadable',
        message: `the capture on it has ended: ${why}`,
        advice: 'what was captured before is in the report',
      });
    open--;
  };

  /** What has come and cannot be overtaken any more, in order. */
  const take = (): Frame[] => {
    const until = open === 0 ? Infinity : lanes.length === 1 ? Infinity : reached;
    const ready = waiting.filter((f) => f.time <= until).sort((a, b) => a.time - b.time);
    waiting = waiting.filter((f) => f.time > until);
    bytes = waiting.reduce((total, f) => total + f.bytes.length, 0);
    for (const frame of ready) frame.number = ++count;
    return ready;
  };

  async function* batches(): AsyncGenerator<Iterable<Frame>> {
    lanes.forEach((lane, i) => {
      lane.says?.((words) => void warnings.push(`${lane.interface}: ${words}`));
      void follow(lane, i);
    });
    try {
      while (open > 0) {
        await delay(TICK);
        reached = Math.max(reached, Number(now() - epoch) - lag);
        yield take();
      }
      reached = Math.max(reached, Number(now() - epoch));
      yield take();
    } finally {
      stop();
    }
  }

  return {
    epoch,
    errors,
    warnings,
    interfaces: lanes.map((lane) => lane.interface),
    get reached() {
      return reached;
    },
    stop,
    dropped() {
      const told = lanes.map((l) => l.dropped()).filter((n) => n !== null);
      return told.length > 0 ? told.reduce((a, b) => a + b, 0) : null;
    },
    interruptions() {
      const since = (ms: number): number => ms * 1e6 - Number(epoch);
      return lanes.flatMap((lane) =>
        (lane.interruptions?.() ?? []).map(({ from, to }) => ({
          interface: lane.interface,
          from: since(from),
          to: since(to),
        })),
      );
    },
    open: () => Promise.resolve(),
    close() {
      stop();
      return Promise.resolve();
    },
    batches,
    async *frames() {
      for await (const batch of batches()) yield* batch;
    },
  };
}

function copyOf(frame: CurrentFrame, name: string, file: number, epoch: bigint): Waiting {
  const { linkType, originalLength, seconds, nanoseconds } = frame;
  const time = Number(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds) - epoch);
  const bytes = frame.bytes.slice();
  return {
    number: 0,
    time,
    linkType,
    bytes,
    originalLength,
    interface: name,
    direction: '',
    comment: '',
    file,
  };
}

function wallClock(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
