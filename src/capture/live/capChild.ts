/**
 * The process that cap runs in: cap can abort its process (when the interface goes down), so that must not be ours. It
 * is told what to open, says how that went, and writes a pcap stream with the time of arrival: cap gives no other.
 */
import { LinkType } from '../../packet/linkType.js';
import type { CapAnswer, CapRequest } from './cap.js';

/** Link types by the names that cap has for them. */
const LINK_TYPES: ReadonlyMap<string, number> = new Map([
  ['NULL', LinkType.null],
  ['ETHERNET', LinkType.ethernet],
  ['LINKTYPE_LINUX_SLL', LinkType.linuxSll],
  ['RAW', LinkType.raw],
]);
/** cap's own snaplen, bytes. */
const SNAPLEN = 65_535;
/** What may wait for the reader, bytes; frames beyond are dropped and counted. */
const MOST_WAITING = 256 << 20;

const say = (answer: CapAnswer): void => void process.send?.(answer);

process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));
process.once('message', (request: CapRequest) => void capture(request));

async function capture({ device, filter, snaplen, ring }: CapRequest): Promise<void> {
  let library: typeof import('cap').default;
  try {
    library = (await import('cap')).default;
  } catch (error) {
    return say({ kind: 'missing', message: String((error as NodeJS.ErrnoException).code ?? error) });
  }
  const cap = new library.Cap();
  const buffer = Buffer.alloc(SNAPLEN);
  let linkType: number | undefined;
  try {
    const name = cap.open(device, filter, ring, buffer);
    linkType = LINK_TYPES.get(name);
    if (linkType === undefined)
      return say({ kind: 'refused', message: `its link type is not read: ${name}` });
  } catch (error) {
    return say({ kind: 'refused', message: error instanceof Error ? error.message : String(error) });
  }
  process.stdout.write(fileHeader(linkType));
  let dropped = 0;
  cap.on('packet', (length) => {
    if (process.stdout.writableLength > MOST_WAITING) {
      say({ kind: 'dropped', count: ++dropped });
      return;
    }
    process.stdout.write(record(buffer, length, Math.min(length, snaplen)));
  });
  say({ kind: 'opened' });
}

/** Nanoseconds, little-endian (https://www.tcpdump.org/manpages/pcap-savefile.5.html). */
function fileHeader(linkType: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b23c4d, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAPLEN, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

/** ns by which the two clocks may come apart before the wall clock counts again: it may have been set. */
const APART = 20_000_000n;
let offset = 0n;

/** The wall clock, finer than `Date` has it. */
function now(): bigint {
  const fine = process.hrtime.bigint();
  const coarse = BigInt(Date.now()) * 1_000_000n;
  const off = fine + offset - coarse;
  if (off > APART || off < -APART) offset = coarse - fine;
  return fine + offset;
}

function record(bytes: Buffer, length: number, captured: number): Buffer {
  const time = now();
  const out = Buffer.allocUnsafe(16 + captured);
  out.writeUInt32LE(Number(time / 1_000_000_000n), 0);
  out.writeUInt32LE(Number(time % 1_000_000_000n), 4);
  out.writeUInt32LE(captured, 8);
  out.writeUInt32LE(length, 12);
  bytes.copy(out, 16, 0, captured);
  return out;
}
