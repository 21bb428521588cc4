import type { Message } from './line.js';
import { type ClockOptions, MONTHS, readWallStamp } from './stamps.js';

/** VMID LOGID CHAIN TIMESTAMP POLICY: PACKET_DETAILS, pve-firewall(8), "Logging of firewall rules". */
const LINE = new RegExp(
  `^(\\d{1,10}) ([0-7]) (\\S{1,64}) (\\d\\d)/(${MONTHS.match(/.../g)!.join('|')})/(\\d{4}):(\\d\\d:\\d\\d:\\d\\d) ([+-]\\d{4}) (.*)$`,
);

/** Interfaces are only there where the packet has them. */
const INTERFACES = /^(.*?)(?:IN=(\S{0,64}) )?(?:OUT=(\S{0,64}) )?(?=(?:PHYSIN|PHYSOUT|MAC|SRC)=)/;

/**
 * A line of Proxmox' pve-firewall.log: its logger listens to NFLOG, whose prefix `:VMID:LOGID:CHAIN: POLICY: ` it writes in parts.
 * undefined for any other line.
 */
export function fromPveFirewall(line: string, options: ClockOptions): Message | undefined {
  const first = line.charCodeAt(0);
  if (!(first >= 0x30 && first <= 0x39)) return undefined;
  const match = LINE.exec(line);
  if (!match) return undefined;
  const [, machine, level, chain, day, name, year, clock, zone, text] = match;
  const month = String(MONTHS.indexOf(name) / 3 + 1).padStart(2, '0');
  const stamp = readWallStamp(`${year}-${month}-${day}T${clock}${zone}`, 0, options);
  return {
    text: `:${machine}:${level}:${chain}: ${text.replace(INTERFACES, inAndOut)}`,
    time: stamp?.time ?? {},
    level: Number(level),
    by: 'ulogd',
  };
}

function inAndOut(_: string, message: string, from = '', to = ''): string {
  return `${message}IN=${from} OUT=${to} `;
}
