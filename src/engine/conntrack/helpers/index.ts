import { netbiosNs, snmp } from './broadcast.js';
import { ftp } from './ftp.js';
import type { Helper } from './helper.js';
import { pptp } from './pptp.js';
import { sane } from './sane.js';
import { tftp } from './tftp.js';

const HELPERS: readonly Helper[] = [ftp, tftp, netbiosNs, snmp, sane, pptp];

/** The helper of this name for this transport protocol; undefined: its payload is not read here. */
export function helperFor(name: string, protocol: number): Helper | undefined {
  for (const helper of HELPERS) if (helper.name === name && helper.protocol === protocol) return helper;
  return undefined;
}
