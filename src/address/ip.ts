import { isIPv6 } from 'node:net';

export type IpVersion = 4 | 6;

/**
 * An IPv4 or IPv6 address as four signed 32-bit words in network order. IPv4 stands in the first word and
 * leaves the others 0, as the kernel's `union nf_inet_addr` does, so that both compare the same way.
 */
export class IpAddress {
  constructor(
    readonly version: IpVersion,
    readonly a: number,
    readonly b = 0,
    readonly c = 0,
    readonly d = 0,
  ) {}

  equals(other: IpAddress): boolean {
    return (
      this.version === other.version &&
      this.a === other.a &&
      this.b === other.b &&
      this.c === other.c &&
      this.d === other.d
    );
  }

  /** By unsigned value, network order: negative where this stands before `other`. */
  compare(other: IpAddress): number {
    return (
      (this.a >>> 0) - (other.a >>> 0) ||
      (this.b >>> 0) - (other.b >>> 0) ||
      (this.c >>> 0) - (other.c >>> 0) ||
      (this.d >>> 0) - (other.d >>> 0)
    );
  }

  /** Whether it stands in an inclusive range. */
  isBetween(min: IpAddress, max: IpAddress): boolean {
    return this.compare(min) >= 0 && this.compare(max) <= 0;
  }

  /** What a mask leaves of it. */
  under({ a, b, c, d }: IpAddress): IpAddress {
    return new IpAddress(this.version, this.a & a, this.b & b, this.c & c, this.d & d);
  }

  toString(): string {
    return this.version === 4 ? formatIpv4(this.a) : formatIpv6(this.a, this.b, this.c, this.d);
  }
}

/** Reads a dotted IPv4 or an RFC 4291 IPv6 address; undefined where the text is neither. */
export function parseAddress(text: string): IpAddress | undefined {
  const v4 = readIpv4(text, 0, text.length);
  if (!Number.isNaN(v4)) return new IpAddress(4, v4);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return parseIpv6(text);
}

const DOT = 0x2e;
const ZERO = 0x30;

/**
 * Reads four decimal numbers with dots between, none with a 0 in front, from a part of a text.
 * @returns the address as a signed word; NaN where it is something else
 */
export function readIpv4(text: string, from: number, to: number): number {
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return NaN;
      value = (value << 8) | part;
      part = digits = 0;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && part === 0)) return NaN;
    part = part * 10 + digit;
    if (part > 255) return NaN;
    digits++;
  }
  return dots === 3 && digits > 0 ? (value << 8) | part : NaN;
}

function parseIpv6(text: string): IpAddress {
  const groups = (half: string): number[] =>
    half === ''
      ? []
      : half.split(':').flatMap((g) => {
          if (!g.includes('.')) return [parseInt(g, 16)];
          const v4 = readIpv4(g, 0, g.length);
          return [v4 >>> 16, v4 & 0xffff];
        });
  const [head, tail] = text.split('::');
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  const word = (i: number): number => (all[i] << 16) | all[i + 1];
  return new IpAddress(6, word(0), word(2), word(4), word(6));
}

export function formatIpv4(a: number): string {
  return `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;
}

/** The shortest form of RFC 5952, with the embedded IPv4 forms that inet_ntop(3) prints. */
export function formatIpv6(a: number, b: number, c: number, d: number): string {
  const groups = [a, b, c, d].flatMap((w) => [w >>> 16, w & 0xffff]);
  if (a === 0 && b === 0 && (c === 0xffff || (c === 0 && d >>> 16 !== 0)))
    return `::${c === 0 ? '' : 'ffff:'}${formatIpv4(d)}`;
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
    i += n;
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}

/** How many one bits a word begins with, where zeros alone follow. */
function leadingOnes(word: number): number | undefined {
  const ones = Math.clz32(~word);
  return ones === 32 || word << ones === 0 ? ones : undefined;
}

/** An address under a mask; the mask need not be a prefix (iptables takes 255.0.255.0). */
export class IpNetwork {
  constructor(
    readonly address: IpAddress,
    readonly mask: IpAddress,
  ) {}

  static ofPrefix(address: IpAddress, length: number): IpNetwork {
    const word = (i: number): number => {
      const bits = Math.min(32, Math.max(0, length - 32 * i));
      return bits === 0 ? 0 : (-1 << (32 - bits)) | 0;
    };
    const mask =
      address.version === 4
        ? new IpAddress(4, word(0))
        : new IpAddress(6, word(0), word(1), word(2), word(3));
    return new IpNetwork(address.under(mask), mask);
  }

  get version(): IpVersion {
    return this.address.version;
  }

  /** The number of leading one bits where the mask is a prefix, else undefined. */
  get prefixLength(): number | undefined {
    const { a, b, c, d } = this.mask;
    if (this.version === 4) return leadingOnes(a);
    const words = [a, b, c, d];
    const full = words.findIndex((word) => word !== -1);
    if (full < 0) return 128;
    const ones = leadingOnes(words[full]);
    return ones === undefined || words.slice(full + 1).some((word) => word !== 0)
      ? undefined
      : 32 * full + ones;
  }

  contains(a: number, b: number, c: number, d: number): boolean {
    const { address, mask } = this;
    return (
      ((a ^ address.a) & mask.a) === 0 &&
      (this.version === 4 ||
        (((b ^ address.b) & mask.b) === 0 &&
          ((c ^ address.c) & mask.c) === 0 &&
          ((d ^ address.d) & mask.d) === 0))
    );
  }

  includes(address: IpAddress): boolean {
    return address.version === this.version && this.contains(address.a, address.b, address.c, address.d);
  }

  /** `address/length`, or `address/mask` where the mask is no prefix, as iptables-save prints it. */
  toString(): string {
    return `${this.address.toString()}/${this.prefixLength ?? this.mask.toString()}`;
  }
}

/** Reads `address`, `address/length` or `address/mask`; host bits are cleared, as iptables does. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  const width = address.version === 4 ? 32 : 128;
  if (slash < 0) return IpNetwork.ofPrefix(address, width);
  const rest = text.slice(slash + 1);
  if (/^\d{1,3}$/.test(rest))
    return Number(rest) <= width ? IpNetwork.ofPrefix(address, Number(rest)) : undefined;
  const mask = parseAddress(rest);
  if (!mask || mask.version !== address.version) return undefined;
  return new IpNetwork(address.under(mask), mask);
}
