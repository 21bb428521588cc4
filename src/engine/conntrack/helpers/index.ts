import { amanda } from './amanda.js';
import { netbiosNs, snmp } from './broadcast.js';
import { ftp } from './ftp.js';
import type { Helper } from './helper.js';
import { irc } from './irc.js';
import { pptp } from './pptp.js';
import { sane } from './sane.js';
import { sipTcp, sipUdp } from './sip/sip.js';
import { tftp } from './tftp.js';

const HELPERS: readonly Helper[] = [amanda, ftp, irc, tftp, netbiosNs, snmp, sane, pptp, sipUdp, sipTcp];

/**
 * The helper of this name for this transport protocol; undefined: its payload is not read here. A module that was told other
 * ports than its own has one for each, by the name of `ftp-2121` (`nf_ct_helper_init()`).
 */
export function helperFor(name: string, protocol: number): Helper | undefined {
  const plain = name.replace(/-\d+$/, '');
  for (const helper of HELPERS) if (helper.name === plain && helper.protocol === protocol) return helper;
  return undefined;
}
