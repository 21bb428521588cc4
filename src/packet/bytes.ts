/** Big-endian access to header fields; a read past the end of what was captured gives 0. */

export function u8(bytes: Uint8Array, at: number): number {
  return at < bytes.length ? bytes[at] : 0;
}

export function u16(bytes: Uint8Array, at: number): number {
  return at + 1 < bytes.length ? (bytes[at] << 8) | bytes[at + 1] : 0;
}

/** Unsigned. */
export function u32(bytes: Uint8Array, at: number): number {
  return i32(bytes, at) >>> 0;
}

/** Signed: the form in which addresses are compared. */
export function i32(bytes: Uint8Array, at: number): number {
  return at + 3 < bytes.length
    ? (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    : 0;
}

export function setU16(bytes: Uint8Array, at: number, value: number): void {
  if (at + 1 >= bytes.length) return;
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function setU32(bytes: Uint8Array, at: number, value: number): void {
  if (at + 3 >= bytes.length) return;
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
