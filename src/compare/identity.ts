/**
 * What makes two lines tell of the same packet, at several strengths. Texts are compared without the trailing
 * space, since syslog daemons cut it.
 */

/** Fields whose value nobody can know of a packet that the host made and that was not seen leaving. */
export const UNKNOWABLE: ReadonlySet<string> = new Set(['ID', 'FLOWLBL']);

/** A line of a packet that the host itself made (no interface it came in by). */
export function isHostMade(text: string): boolean {
  return text.startsWith('IN= OUT=') || text.includes(' IN= OUT=') || /\SIN= OUT=\S/.test(text);
}

/** The text without what `UNKNOWABLE` names, in the outer header only. */
export function withoutUnknowable(text: string): string {
  return text.replace(/( TTL=\d+) ID=\d+/, '$1').replace(/( HOPLIMIT=\d+) FLOWLBL=\d+/, '$1');
}

const PACKET =
  /SRC=(\S+) DST=(\S+) LEN=(\d+)(?:.*? ID=(\d+))?.*? PROTO=(\S+)(?: SPT=(\d+) DPT=(\d+)| TYPE=(\d+) CODE=(\d+))?/;

/** The packet that a line tells of, whoever logged it and wherever: addresses, length, IP ID, protocol, ports. */
export function packetKey(text: string): string {
  const m = PACKET.exec(text);
  return m ? m.slice(1).join(' ') : '';
}

/** The packet's own part of a line, without what rules, hooks and logging options change or add. */
export function packetBody(text: string): string {
  const at = text.indexOf('SRC=');
  return text
    .slice(Math.max(0, at))
    .replace(/ (?:TTL|HOPLIMIT|MARK|UID|GID)=\S+/g, '')
    .replace(/ OPT \([^)]*\)/g, '')
    .replace(/ SEQ=\d+ ACK=\d+/g, '');
}

/** Keys under which a near pair still meets when one field (or one NAT'ed end) differs. */
export function nearKeys(fields: ReadonlyMap<string, string>): string[] {
  const get = (...names: string[]): string => names.map((n) => fields.get(n) ?? '').join(' ');
  const prefix = `${fields.get('PREFIX') ?? ''}\u0000`;
  const echo = get('ICMP ID', 'ICMPv6 ID', 'SEQ');
  return [
    `a${get('SRC', 'DST', 'PROTO', 'SPT', 'DPT', 'ID', 'LEN')} ${echo}`,
    `b${prefix}${get('IN', 'OUT', 'SRC', 'DST', 'PROTO', 'SPT', 'DPT')}`,
    `c${prefix}${get('PROTO', 'ID', 'LEN', 'SRC', 'SPT')} ${echo}`,
    `d${prefix}${get('PROTO', 'ID', 'LEN', 'DST', 'DPT')} ${echo}`,
    `e${prefix}${get('PROTO', 'ID', 'LEN', 'SRC', 'DST')}`,
    `f${prefix}${get('SRC', 'DST', 'SPT', 'DPT', 'ID')}`,
  ];
}

/** The line ends before the packet's protocol is told. */
export function isCut(fields: ReadonlyMap<string, string>): boolean {
  return !fields.has('PROTO') && !fields.has('ARP HTYPE') && !fields.has('FRAG');
}

/** Where a cut line meets the whole one. */
export function cutKey(fields: ReadonlyMap<string, string>): string {
  return `g${fields.get('PREFIX') ?? ''}\u0000${fields.get('IN') ?? ''}`;
}
