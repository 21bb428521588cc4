import { BlockType, BYTE_ORDER_MAGIC, DirectionFlag, Option } from './pcapngFormat.js';
import { MICROSECOND_SCALE, setTime, timeScale, type TimeScale } from './pcapngTime.js';
import { type Complaints, CurrentFrame, DAMAGED, FRAME_LIMIT, type FrameReader, tooLong } from './reader.js';
import type { ByteWindow } from './window.js';

/** Wireshark's limit for one block, bytes: secrets and journals can be long, nothing is this long. */
const BLOCK_LIMIT = 16 << 20;
const INTERFACE_LIMIT = 65_536;
/** Type and length before the body, length after it. */
const FRAMING = 12;

interface Interface {
  readonly name: string;
  readonly linkType: number;
  /** 0: no limit. */
  readonly snaplen: number;
  readonly scale: TimeScale;
  /** Packets that the capturing program says were lost. */
  lost: number;
}

/** Blocks that hold no packets and are passed over without a word. */
const PASSED_OVER: ReadonlySet<number> = new Set([
  BlockType.nameResolution,
  BlockType.systemdJournal,
  BlockType.decryptionSecrets,
  BlockType.custom,
  BlockType.customNoCopy,
]);

const utf8 = new TextDecoder();

/** Reads the packets of a pcapng file as views of the window: any sections, interfaces and byte orders. */
export class PcapngReader implements FrameReader {
  readonly frame = new CurrentFrame();
  private littleEndian = true;
  private described: Interface[] = [];
  private damaged = false;
  private inSection = false;
  private unknownBlocks = 0;
  private firstUnknown = 0;
  private untimed = 0;
  private lost = 0;

  constructor(
    private readonly window: ByteWindow,
    private readonly complaints: Complaints,
  ) {}

  get interfaces(): readonly string[] {
    return this.described.map(({ name }) => name).filter((name) => name !== '');
  }

  get hasSeveral(): boolean {
    return this.described.length > 1;
  }

  next(): boolean {
    while (!this.damaged) {
      const { window } = this;
      if (window.length < FRAMING) return false;
      const { view, start } = window;
      const section = view.getUint32(start, true) === BlockType.sectionHeader;
      if (section && !this.readByteOrder(start)) return false;
      const length = view.getUint32(start + 4, this.littleEndian);
      if (!this.lengthIsRight(length, section)) return false;
      if (window.length < length) return false;
      if (view.getUint32(start + length - 4, this.littleEndian) !== length)
        return this.damage(`the lengths before and after the block at byte ${window.offset} differ`);
      const isPacket = this.block(section, start + 8, start + length - 4);
      window.start = start + length;
      if (isPacket) return true;
    }
    return false;
  }

  async fill(): Promise<boolean> {
    if (this.damaged) return false;
    if (await this.window.fill()) return true;
    this.atEnd();
    return false;
  }

  close(): Promise<void> {
    return this.window.close();
  }

  private damage(what: string, advice = DAMAGED): false {
    this.damaged = true;
    this.complaints.error(this.inSection ? 'bad record' : 'not a capture', what, advice);
    this.tellCounts();
    return false;
  }

  private atEnd(): void {
    const { length } = this.window;
    if (length > 0 && !this.inSection)
      this.complaints.error('header cut', `the pcapng section header is cut: ${length} bytes are there`);
    else if (length > 0) this.complaints.warning(`the last block is cut: ${length} bytes of it are there`);
    this.tellCounts();
  }

  private tellCounts(): void {
    const { complaints, unknownBlocks, untimed } = this;
    if (unknownBlocks > 0)
      complaints.warning(
        `${blocks(unknownBlocks)} of unknown type passed over, the first of type 0x${this.firstUnknown.toString(16)}`,
      );
    if (untimed > 0)
      complaints.warning(
        `${untimed} packets have no time (simple packet blocks): taken as the packet's before them`,
      );
    this.endSection();
    if (this.lost > 0) complaints.warning(`the capturing program lost ${this.lost} packets`);
  }

  private endSection(): void {
    for (const one of this.described) this.lost += one.lost;
    this.described = [];
  }

  /** The byte order of the section that begins here. */
  private readByteOrder(start: number): boolean {
    const magic = this.window.view.getUint32(start + 8, true);
    if (magic === BYTE_ORDER_MAGIC) this.littleEndian = true;
    else if (this.window.view.getUint32(start + 8, false) === BYTE_ORDER_MAGIC) this.littleEndian = false;
    else return this.damage(`the pcapng section at byte ${this.window.offset} has no byte-order magic`);
    return true;
  }

  private lengthIsRight(length: number, section: boolean): boolean {
    const { offset } = this.window;
    if (!this.inSection && !section)
      return this.damage('a pcapng file begins with a section header, this one does not');
    if (length > BLOCK_LIMIT) return this.damage(tooLong('block', offset, length, BLOCK_LIMIT));
    if (length < (section ? 28 : FRAMING) || length % 4 !== 0)
      return this.damage(
        `the block at byte ${offset} says it is ${length} bytes long, which no block can be`,
      );
    return true;
  }

  /** Takes one whole block in; true: it was a packet, and `frame` is it. */
  private block(section: boolean, from: number, to: number): boolean {
    if (section) return this.section(from);
    const type = this.window.view.getUint32(from - 8, this.littleEndian);
    if (type === BlockType.enhancedPacket) return this.packet(from, to, false);
    if (type === BlockType.simplePacket) return this.simplePacket(from, to);
    if (type === BlockType.packet) return this.packet(from, to, true);
    if (type === BlockType.interfaceDescription) return this.describeInterface(from, to);
    if (type === BlockType.interfaceStatistics) return this.statistics(from, to);
    if (!PASSED_OVER.has(type) && this.unknownBlocks++ === 0) this.firstUnknown = type;
    return false;
  }

  private section(from: number): false {
    const { view } = this.window;
    const major = view.getUint16(from + 4, this.littleEndian);
    if (major !== 1) {
      const minor = view.getUint16(from + 6, this.littleEndian);
      return this.damage(`pcapng of version ${major}.${minor} is not read, only 1`, '');
    }
    this.inSection = true;
    this.endSection();
    return false;
  }

  private describeInterface(from: number, to: number): false {
    if (to - from < 8) return this.damage(`the interface block at byte ${this.window.offset} is too short`);
    if (this.described.length === INTERFACE_LIMIT)
      return this.damage(`more than ${INTERFACE_LIMIT} interfaces in one section`);
    const { view, bytes } = this.window;
    let name = '';
    let resolution = 6;
    let offset = 0;
    this.options(from + 8, to, (code, at, length) => {
      if (code === Option.interfaceName) name = text(bytes, at, length);
      else if (code === Option.timeResolution && length >= 1) resolution = bytes[at];
      else if (code === Option.timeOffset && length >= 8)
        offset = Number(view.getBigInt64(at, this.littleEndian));
    });
    this.described.push({
      name,
      linkType: view.getUint16(from, this.littleEndian),
      snaplen: view.getUint32(from + 4, this.littleEndian),
      scale: resolution === 6 && offset === 0 ? MICROSECOND_SCALE : timeScale(resolution, offset),
      lost: 0,
    });
    return false;
  }

  /** Counts are totals of the interface, so a later block replaces an earlier one. */
  private statistics(from: number, to: number): false {
    const { view } = this.window;
    const one = to - from >= 12 ? this.described[view.getUint32(from, this.littleEndian)] : undefined;
    if (!one) return false;
    let lost = 0;
    this.options(from + 12, to, (code, at, length) => {
      if ((code === Option.interfaceDrops || code === Option.systemDrops) && length >= 8)
        lost += Number(view.getBigUint64(at, this.littleEndian));
    });
    one.lost = lost;
    return false;
  }

  /** The enhanced packet block, and the obsolete one: they differ in the width of the interface's number. */
  private packet(from: number, to: number, obsolete: boolean): boolean {
    const { window, littleEndian, frame } = this;
    const { view } = window;
    if (to - from < 20) return this.damage(`the packet block at byte ${window.offset} is too short`);
    const number = obsolete ? view.getUint16(from, littleEndian) : view.getUint32(from, littleEndian);
    const captured = view.getUint32(from + 12, littleEndian);
    if (!this.takeData(number, from + 20, to, captured)) return false;
    setTime(
      frame,
      view.getUint32(from + 4, littleEndian),
      view.getUint32(from + 8, littleEndian),
      this.described[number].scale,
    );
    frame.originalLength = view.getUint32(from + 16, littleEndian);
    const options = from + 20 + ((captured + 3) & ~3);
    if (to - options >= 4) this.packetOptions(options, to);
    return true;
  }

  private simplePacket(from: number, to: number): boolean {
    if (to - from < 4) return this.damage(`the packet block at byte ${this.window.offset} is too short`);
    const { frame } = this;
    const original = this.window.view.getUint32(from, this.littleEndian);
    const snaplen = this.described[0]?.snaplen || 0xffffffff;
    if (!this.takeData(0, from + 4, to, Math.min(original, snaplen, to - from - 4))) return false;
    frame.originalLength = original;
    this.untimed++;
    return true;
  }

  /** Points `frame` at a packet's bytes and gives it what its interface says. */
  private takeData(number: number, at: number, to: number, captured: number): boolean {
    const { window, frame } = this;
    if (captured > FRAME_LIMIT) return this.damage(tooLong('packet', window.offset, captured, FRAME_LIMIT));
    if (captured > to - at)
      return this.damage(
        `the packet at byte ${window.offset} says it is ${captured} bytes long, its block is shorter`,
      );
    if (number >= this.described.length)
      return this.damage(
        `the packet at byte ${window.offset} is of interface ${number}, which the file does not describe`,
      );
    const one = this.described[number];
    frame.linkType = one.linkType;
    frame.interface = one.name;
    frame.direction = '';
    frame.comment = '';
    frame.place(window.view, at, captured);
    return true;
  }

  /** As `options`, without a function for every packet. */
  private packetOptions(from: number, to: number): void {
    const { frame, littleEndian } = this;
    const { view, bytes } = this.window;
    for (let at = from; at + 4 <= to;) {
      const code = view.getUint16(at, littleEndian);
      const length = view.getUint16(at + 2, littleEndian);
      if (code === Option.end || at + 4 + length > to) return;
      if (code === Option.flags && length >= 4) {
        const flags = view.getUint32(at + 4, littleEndian) & DirectionFlag.mask;
        if (flags === DirectionFlag.inbound) frame.direction = 'in';
        else if (flags === DirectionFlag.outbound) frame.direction = 'out';
      } else if (code === Option.comment)
        frame.comment += (frame.comment === '' ? '' : '\n') + text(bytes, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }

  private options(from: number, to: number, take: (code: number, at: number, length: number) => void): void {
    const { view } = this.window;
    for (let at = from; at + 4 <= to;) {
      const code = view.getUint16(at, this.littleEndian);
      const length = view.getUint16(at + 2, this.littleEndian);
      if (code === Option.end || at + 4 + length > to) return;
      take(code, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }
}

function blocks(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`;
}

/** Option text; some writers count a trailing NUL into it. */
function text(bytes: Uint8Array, at: number, length: number): string {
  let end = at + length;
  while (end > at && bytes[end - 1] === 0) end--;
  return utf8.decode(bytes.subarray(at, end));
}
