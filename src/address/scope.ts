import type { IpAddress } from './ip.js';

/*
 * What addresses stand for by their bits alone. Words are signed, as those of IpAddress; of IPv6 it is the first one.
 */

/** 224.0.0.0/4 (RFC 5771). */
export function isMulticast4(word: number): boolean {
  return word >>> 28 === 14;
}

/** No single host's: groups, what is reserved behind them, and the limited broadcast (RFC 6890). */
export function isNoHost4(word: number): boolean {
  return word >>> 28 >= 14;
}

/** 127.0.0.0/8 (RFC 1122 section 3.2.1.3). */
export function isLoopback4(word: number): boolean {
  return word >>> 24 === 127;
}

/** ff00::/8 (RFC 4291 section 2.7). */
export function isMulticast6(word: number): boolean {
  return word >>> 24 === 0xff;
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
export function isLinkLocal6(word: number): boolean {
  return word >>> 22 === 0x3fa;
}

export function isMulticast({ version, a }: IpAddress): boolean {
  return version === 4 ? isMulticast4(a) : isMulticast6(a);
}
