import type { CaptureError } from '../frame.js';

/**
 * Why an interface cannot be captured on, and what to do about it.
 * @param why in the words of libpcap
 * @param program what would need the capabilities, as a shell names its file
 */
export function refusal(device: string, why: string, program: string): CaptureError {
  const permission = /permi(?:ssion|tted)|CAP_NET/i.test(why);
  const missing = /No such device|doesn't exist/i.test(why);
  return {
    file: device,
    kind: missing ? 'missing' : 'unreadable',
    message: `it cannot be captured on: ${why}`,
    advice: permission
      ? `use sudo, or once: sudo setcap cap_net_raw,cap_net_admin=ep "${program}"`
      : missing
        ? '`ip link` lists the interfaces'
        : '',
  };
}
