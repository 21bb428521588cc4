import { readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What is used of the binding to libpcap. */
interface CapModule {
  readonly Cap: new () => {
    open(device: string, filter: string, ringSize: number, buffer: Buffer): string;
    send(frame: Buffer, length: number): void;
  };
}

/** Least time between two frames, ms, also where the machine was too slow for their pace. */
const LEAST = 0.5;

/**
 * The program that sends frames, run inside the peers' namespace: `inject.js HOST_NAMESPACE DEVICE…`. Standard input
 * holds frames one after the other: device (2 bytes), wait before it (4 bytes, µs), length (2 bytes), the bytes.
 */
function main(): void {
  const [hostNamespace, ...devices] = process.argv.slice(2);
  if (readlinkSync('/proc/self/ns/net') === hostNamespace) {
    process.stderr.write("refused: this is the machine's own network namespace\n");
    process.exit(97);
  }
  const cap = createRequire(import.meta.url)('cap') as CapModule;
  const ends = devices.map((device) => {
    const end = new cap.Cap();
    end.open(device, 'ether proto 0xffff', 65536, Buffer.alloc(65536));
    return end;
  });
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const sleep = (ms: number): void => void (ms > 0 && Atomics.wait(pause, 0, 0, ms));
  let due = performance.now();
  let last = due;
  let pending = Buffer.alloc(0);
  process.stderr.write('ready\n');
  process.stdin.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    let at = 0;
    while (pending.length - at >= 8) {
      const length = pending.readUInt16BE(at + 6);
      if (pending.length - at - 8 < length) break;
      due += pending.readUInt32BE(at + 2) / 1000;
      sleep(Math.max(due, last + LEAST) - performance.now());
      // The binding sends from the buffer's start, so a view of a larger one is copied out first.
      ends[pending.readUInt16BE(at)].send(Buffer.from(pending.subarray(at + 8, at + 8 + length)), length);
      last = performance.now();
      at += 8 + length;
    }
    pending = pending.subarray(at);
  });
  process.stdin.on('end', () => process.exit(0));
}

main();
