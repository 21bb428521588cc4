import { isObject } from './json.js';

/**
 * When the kernel's CLOCK_MONOTONIC stood at 0, of a snapshot's `clock.json`: `{"boot_epoch_s": SECONDS}`, as `nfreplay
 * collect` and `nfreplay lab` write it.
 * @returns ns since the epoch, to the microsecond; null where the text tells none
 */
export function parseClock(text: string): bigint | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const seconds = isObject(value) && Object.hasOwn(value, 'boot_epoch_s') ? value.boot_epoch_s : null;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || Math.abs(seconds) > 1e12) return null;
  const whole = Math.floor(seconds);
  return BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * 1e6)) * 1000n;
}

/**
 * The same, of /proc/timer_list: how far CLOCK_REALTIME, the second of a CPU's clocks, is ahead (`print_base()`,
 * kernel/time/timer_list.c).
 */
export const BOOT_TIME_AWK =
  '$1 == "clock" { real = $2 == "1:" } real && $1 == ".offset:" { print substr($2, 1, length($2) - 9) "." substr($2, length($2) - 8); exit }';
