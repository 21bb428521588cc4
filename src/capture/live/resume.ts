import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CaptureError } from '../frame.js';
import type { LiveLane } from './lane.js';

/** A capture that cannot go on where its interface goes down. */
export interface FragileLane extends LiveLane {
  /** Whether that is what ended it. */
  wentDown(): boolean;
}

/** How often is looked whether the interface is up again, ms. */
const INTERVAL = 500;
/** Bytes of a pcap file's header, and of a record's, which has the captured length at 8 (draft-ietf-opsawg-pcap, 4 and 5). */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const CAPTURED = 8;

/**
 * Starts a capture anew whenever its interface is up again: what comes of all is one stream.
 * @param start begins a capture; its stream is little-endian, with a header that is the same each time
 */
export function resumed(start: () => FragileLane, interval = INTERVAL): LiveLane {
  const bytes = new PassThrough();
  let lane = start();
  const began = [lane];
  let stopped = false;
  const interruptions: { from: number; to: number }[] = [];
  let say: (words: string) => void = () => undefined;

  /** The first that begins; null: it was stopped before. */
  const next = async (): Promise<FragileLane | null> => {
    for (;;) {
      await delay(interval);
      if (stopped) return null;
      const tried = start();
      if ((await tried.started) === null) return tried;
      tried.bytes.resume();
    }
  };

  const run = async (): Promise<string | null> => {
    let header: Buffer | null = null;
    for (;;) {
      const [first, why]: [Buffer | null, string | null] = await Promise.all([
        forward(lane, bytes, header),
        lane.ended,
      ]);
      header ??= first;
      if (stopped || why === null || !lane.wentDown()) return why;
      say('the interface went down; the capture goes on when it is up');
      const interruption = { from: Date.now(), to: Infinity };
      interruptions.push(interruption);
      const again = await next();
      if (!again) return null;
      lane = again;
      began.push(lane);
      interruption.to = Date.now();
      say('the capture goes on');
    }
  };

  const ended = lane.started.then(async (error: CaptureError | null) => {
    const why = error === null ? await run() : await lane.ended;
    bytes.end();
    return why;
  });
  return {
    interface: lane.interface,
    bytes,
    lag: lane.lag,
    started: lane.started,
    ended,
    dropped() {
      const told = began.map((l) => l.dropped()).filter((n) => n !== null);
      return told.length > 0 ? told.reduce((a, b) => a + b, 0) : null;
    },
    interruptions: () => interruptions,
    says(listener) {
      say = listener;
    },
    stop(drain) {
      stopped = true;
      lane.stop(drain);
    },
  };
}

/**
 * Hands whole records on: a child that was ended may have written half of one, and the next begins behind it.
 * @param header what stood before the records of the one before, and is not handed on again; null: this is the first
 * @returns the header; null where none came
 */
async function forward(lane: LiveLane, to: PassThrough, header: Buffer | null): Promise<Buffer | null> {
  let rest: Buffer = Buffer.alloc(0);
  let own: Buffer | null = null;
  for await (const chunk of lane.bytes as AsyncIterable<Buffer>) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    if (!own) {
      if (rest.length < FILE_HEADER) continue;
      own = rest.subarray(0, FILE_HEADER);
      rest = rest.subarray(FILE_HEADER);
      if (!header) to.write(own);
      else if (!header.equals(own)) {
        lane.stop(false);
        return null;
      }
    }
    const whole = wholeRecords(rest);
    if (whole > 0 && !to.write(rest.subarray(0, whole))) await drained(to);
    rest = rest.subarray(whole);
  }
  return own;
}

/** Bytes of the records that are all there. */
function wholeRecords(bytes: Buffer): number {
  let at = 0;
  while (at + RECORD_HEADER <= bytes.length) {
    const end = at + RECORD_HEADER + bytes.readUInt32LE(at + CAPTURED);
    if (end > bytes.length) break;
    at = end;
  }
  return at;
}

function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => stream.once('drain', resolve).once('close', resolve));
}
