import { readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What is used of the binding to libpcap. */
interface CapModule {
  readonly Cap: new () => {
    open(device: string, filter: string, ringSize: number, buffer: Buffer): string;
    send(frame: Buffer, length: number): void;
  };
}

/**
 * The program that sends frames, run inside the peers' namespace: `inject.js HOST_NAMESPACE DEVICE…`. Standard input
 * holds frames one after the other: device (1 byte), wait before it (4 bytes, µs), length (2 bytes), the bytes.
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
  let pending = Buffer.alloc(0);
  process.stdout.write('ready\n');
  process.stdin.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    let at = 0;
    while (pending.length - at >= 7) {
      const length = pending.readUInt16BE(at + 5);
      if (pending.length - at - 7 < length) break;
      Atomics.wait(pause, 0, 0, pending.readUInt32BE(at + 1) / 1000);
      // The binding sends from the buffer's start, so a view of a larger one is copied out first.
      ends[pending[at]].send(Buffer.from(pending.subarray(at + 7, at + 7 + length)), length);
      at += 7 + length;
    }
    pending = pending.subarray(at);
  });
  process.stdin.on('end', () => process.exit(0));
}

main();
