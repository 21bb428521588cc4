import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { CaptureError, CaptureErrorKind, FrameDirection } from './frame.js';
import { OrderedReader } from './ordered.js';
import { PcapReader, takePcapHeader } from './pcap.js';
import { PcapngReader } from './pcapng.js';
import type { Complaints, FrameReader } from './reader.js';
import { describeOther, sniff, SNIFFED } from './sniff.js';
import { fileSource, gunzipped, SourceError, streamSource, unzstd, words } from './sources.js';
import { StreamedPcapReader } from './streamed.js';
import { type ByteSource, ByteWindow } from './window.js';

export interface CaptureOptions {
  /** What `-` reads; the process's standard input where not given. */
  readonly stdin?: Readable;
  /** What the user told of a file, by its path: the interface and direction of all its frames. */
  readonly told?: ReadonlyMap<string, { readonly interface?: string; readonly direction?: FrameDirection }>;
  /** Regular files are still being written: wait at their end for more, until the source is closed. */
  readonly follow?: boolean;
  /** The program that decompresses zstd; found by PATH. */
  readonly zstd?: string;
}

/** A smaller window serves what arrives in pipe-sized pieces, and small files. */
const STREAM_WINDOW = 1 << 16;
const FILE_WINDOW = 1 << 20;

/** One input: what is wrong with it, and the way to its reader. */
export class CaptureFile {
  readonly errors: CaptureError[] = [];
  readonly warnings: string[] = [];
  reader: FrameReader | null = null;
  /** Bytes of the file, and how many of them were read; null where it has no end that is known. */
  size: number | null = null;
  taken = 0;
  private source: ByteSource | null = null;
  private closed = false;

  constructor(
    readonly path: string,
    private readonly options: CaptureOptions,
  ) {}

  get told(): { readonly interface?: string; readonly direction?: FrameDirection } | undefined {
    return this.options.told?.get(this.path);
  }

  readonly complaints: Complaints = {
    error: (kind, message, advice = '') => this.error(kind, message, advice),
    warning: (message) => {
      if (!this.closed) this.warnings.push(`${this.path}: ${message}`);
    },
  };

  private error(kind: CaptureErrorKind, message: string, advice: string): void {
    if (!this.closed) this.errors.push({ file: this.path, kind, message, advice });
  }

  /** Sets `reader`, or leaves it null and says why. */
  async open(): Promise<void> {
    await this.guard(async () => {
      const input = await this.openBytes();
      this.source = input.source;
      if (this.closed) return this.source.close();
      this.reader = await this.recognise(input.source, input.arriving, input.window, true);
    });
  }

  /** Goes to the reader's next frame; false at the end. */
  async advance(reader: FrameReader): Promise<boolean> {
    let more = false;
    await this.guard(async () => {
      while (!(more = reader.next())) if (!(await reader.fill())) return;
    });
    return more;
  }

  async close(): Promise<void> {
    this.closed = true;
    await (this.reader ?? this.source)?.close();
  }

  /** Turns what reading rejects with into an error of this file. */
  private async guard(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof SourceError) this.error(error.kind, error.message, error.advice);
      else if (isSystemError(error)) this.systemError(error);
      else throw error;
    }
  }

  private systemError(error: NodeJS.ErrnoException): void {
    if (error.code === 'ENOENT')
      this.error('missing', 'there is no such file', 'check the name and the directory');
    else if (error.code === 'EACCES' || error.code === 'EPERM')
      this.error(
        'unreadable',
        'you may not read this file',
        'captures are often readable by root only: use sudo, or chmod',
      );
    else this.error('unreadable', `it cannot be read (${words(error)})`, '');
  }

  /** `arriving`: bytes come as somebody writes them. */
  private async openBytes(): Promise<{ source: ByteSource; arriving: boolean; window: number }> {
    const { stdin, follow = false } = this.options;
    if (this.path === '-') {
      const stream = stdin ?? createReadStream('', { fd: 0, autoClose: false });
      return { source: streamSource(stream), arriving: true, window: STREAM_WINDOW };
    }
    const about = await stat(this.path);
    if (about.isDirectory())
      throw new SourceError('not a capture', 'this is a directory', 'name the capture files in it');
    if (!about.isFile())
      return { source: streamSource(createReadStream(this.path)), arriving: true, window: STREAM_WINDOW };
    const window = follow ? STREAM_WINDOW : Math.min(FILE_WINDOW, about.size + 1);
    if (!follow) this.size = about.size;
    const source = this.counted(fileSource(await open(this.path, 'r'), follow));
    return { source, arriving: follow, window };
  }

  private counted(source: ByteSource): ByteSource {
    return {
      read: async (target) => {
        const count = await source.read(target);
        this.taken += count;
        return count;
      },
      close: () => source.close(),
    };
  }

  /** Looks at the first bytes, through one layer of compression, and makes the reader for them. */
  private async recognise(
    source: ByteSource,
    arriving: boolean,
    capacity: number,
    mayBeCompressed: boolean,
  ): Promise<FrameReader | null> {
    const window = new ByteWindow(source, capacity);
    if (!(await window.have(4))) return this.tooShort(window);
    const format = sniff(window.bytes.subarray(window.start, window.end));
    if (format === 'pcapng')
      return new OrderedReader(new PcapngReader(window, this.complaints), this.complaints);
    if (format === 'pcap') {
      const header = await takePcapHeader(window, this.complaints);
      if (!header) return null;
      return arriving
        ? new StreamedPcapReader(window, header, this.complaints)
        : new PcapReader(window, header, this.complaints);
    }
    if (format && mayBeCompressed) {
      const close = (): Promise<void> => source.close();
      const plain =
        format === 'gzip' ? gunzipped(window.rest(), close) : unzstd(window.rest(), close, this.options.zstd);
      this.source = plain;
      return this.recognise(plain, false, STREAM_WINDOW, false);
    }
    if (format) {
      this.error('not a capture', `it is compressed twice (${format})`, 'decompress it first');
      return null;
    }
    await window.have(SNIFFED);
    const { looksLike, advice } = describeOther(window.bytes.subarray(0, Math.min(SNIFFED, window.end)));
    this.error('not a capture', `it is neither pcap nor pcapng: it looks like ${looksLike}`, advice);
    return null;
  }

  private tooShort(window: ByteWindow): null {
    if (window.length === 0)
      this.error(
        'empty',
        'there is nothing in it',
        'was the capture stopped before a packet came, or the disk full?',
      );
    else
      this.error(
        'header cut',
        `only ${window.length} bytes are there, too few for the header of a capture`,
        '',
      );
    return null;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
