/** How one interface's time stamps are read: if_tsresol and if_tsoffset. */
export interface TimeScale {
  /** Units a second where it is a power of ten up to 1e9, else 0: `big` says. */
  readonly units: number;
  /** ns a unit, where `units` is not 0. */
  readonly nanoseconds: number;
  readonly big: bigint;
  /** if_tsoffset, seconds. */
  readonly offset: number;
}

/** @param resolution the byte of if_tsresol: a power of ten, with the top bit set of two, both negative */
export function timeScale(resolution: number, offset: number): TimeScale {
  const exponent = resolution & 0x7f;
  if (resolution >= 0x80 || exponent > 9)
    return { units: 0, nanoseconds: 0, big: (resolution >= 0x80 ? 2n : 10n) ** BigInt(exponent), offset };
  const units = 10 ** exponent;
  return { units, nanoseconds: 1e9 / units, big: BigInt(units), offset };
}

/** Microseconds: what holds where an interface has no if_tsresol. */
export const MICROSECOND_SCALE = timeScale(6, 0);

/** Writes the time of a 64-bit stamp into a frame, exactly, in plain numbers where the scale is a usual one. */
export function setTime(
  frame: { seconds: number; nanoseconds: number },
  high: number,
  low: number,
  scale: TimeScale,
): void {
  const { units } = scale;
  if (units === 0) {
    const stamp = (BigInt(high) << 32n) | BigInt(low);
    frame.seconds = Number(stamp / scale.big) + scale.offset;
    frame.nanoseconds = Number(((stamp % scale.big) * 1_000_000_000n) / scale.big);
    return;
  }
  // Long division in digits of 16 bits: every step stays below 2^53.
  const first = Math.floor(high / units);
  const middle = (high - first * units) * 0x10000 + (low >>> 16);
  const second = Math.floor(middle / units);
  const last = (middle - second * units) * 0x10000 + (low & 0xffff);
  const third = Math.floor(last / units);
  frame.seconds = first * 0x100000000 + second * 0x10000 + third + scale.offset;
  frame.nanoseconds = (last - third * units) * scale.nanoseconds;
}
