import type { Word } from './options.js';

/** An inclusive range of ports, as `min:max`, `:max`, `min:` or one number. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

export const ANY_PORT: PortRange = { min: 0, max: 65535 };

/** Service names that iptables users write; iptables-save prints numbers, so only scripts have them (/etc/services). */
const SERVICES: Record<string, number> = {
  'ftp-data': 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  pop3: 110,
  sunrpc: 111,
  ntp: 123,
  'netbios-ns': 137,
  'netbios-dgm': 138,
  'netbios-ssn': 139,
  imap2: 143,
  snmp: 161,
  'snmp-trap': 162,
  ldap: 389,
  https: 443,
  'microsoft-ds': 445,
  submissions: 465,
  syslog: 514,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  openvpn: 1194,
  'ms-sql-s': 1433,
  nfs: 2049,
  mysql: 3306,
  postgresql: 5432,
  sip: 5060,
  'sip-tls': 5061,
  mdns: 5353,
  xmpp: 5222,
  'http-alt': 8080,
};

/** A port number or service name; undefined where it is neither. */
export function parsePort(text: string): number | undefined {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) {
    const value = Number(text);
    return value <= 65535 ? value : undefined;
  }
  return Object.hasOwn(SERVICES, text) ? SERVICES[text] : undefined;
}

/** `min:max` with either side left out, as -m tcp takes it. */
export function parsePortRange(word: Word): PortRange | undefined {
  const [low, high, more] = word.text.split(':');
  if (more !== undefined) return undefined;
  const min = low === '' && high !== undefined ? 0 : parsePort(low);
  const max = high === undefined ? min : high === '' ? 65535 : parsePort(high);
  if (min === undefined || max === undefined || min > max) return undefined;
  return { min, max };
}

export function printPortRange({ min, max }: PortRange): string {
  return min === max ? String(min) : `${min}:${max}`;
}

export function inRange({ min, max }: PortRange, port: number): boolean {
  return port >= min && port <= max;
}
