/** pcap-parser 0.2.1 ships no types; these are the parts that are used. */
declare module 'pcap-parser' {
  import type { EventEmitter } from 'node:events';

  export interface PacketHeader {
    readonly timestampSeconds: number;
    /** The second word of the time stamp, as it stands in the file: nanoseconds where the file says so. */
    readonly timestampMicroseconds: number;
    readonly capturedLength: number;
    readonly originalLength: number;
  }

  /** Emits `packetHeader` and then, when its bytes are there, `packetData`, while the input's `data` listener runs. */
  export interface Parser extends EventEmitter {
    on(event: 'packetHeader', listener: (header: PacketHeader) => void): this;
    on(event: 'packetData', listener: (data: Buffer) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  /** @param input emits `data` and `end`; `pause` and `resume` are called once at the start */
  export function parse(input: EventEmitter & { pause(): void; resume(): void }): Parser;
}
