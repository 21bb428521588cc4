import { isIPv4 } from 'node:net';
import { type IpAddress, type IpVersion, parseAddress } from '../address/ip.js';
import { Protocol } from '../packet/numbers.js';
import type { Diagnostics } from '../source/diagnostic.js';

/** A socket that answers: listening for TCP, bound and unconnected for UDP. */
export interface ListeningSocket {
  readonly protocol: number;
  /** null: every local address. */
  readonly address: IpAddress | null;
  /** Which versions reach it: `*` and a dual-stack `[::]` take both. */
  readonly versions: readonly IpVersion[];
  /** Bound to a device (`%eth0`); '' for none. */
  readonly device: string;
  readonly port: number;
  /** Where `ss -e` showed one. */
  readonly uid: number | undefined;
  /** Program names that `users:(("name",…))` shows. */
  readonly programs: readonly string[];
}

const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['tcp', Protocol.tcp],
  ['udp', Protocol.udp],
  ['udplite', Protocol.udplite],
  ['dccp', Protocol.dccp],
  ['sctp', Protocol.sctp],
]);

/**
 * `ss -Hlntup` (ss(8)): netid, state, two queues, local and peer address. With -6 sockets `[::]` means IPv6 only and
 * `*` both, from kernels that tell (5.x on); `ss -e` adds uid: and v6only:.
 */
export function parseListeningSockets(
  text: string,
  file: string,
  diagnostics: Diagnostics,
): ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  let line = 0;
  for (const raw of text.split('\n')) {
    line++;
    const fields = raw.trim().split(/\s+/, 64);
    if (fields[0] === '' || fields[0] === 'Netid') continue;
    const protocol = PROTOCOLS.get(fields[0]);
    // Other families (unix, netlink, packet) stand in `ss -l` without -t and -u; they answer no packet here.
    if (protocol === undefined) continue;
    const local = parseLocal(fields[4] ?? '');
    if (!local) {
      diagnostics.warning(`no local address and port in a line of ss: ${fields[4] ?? 'the line ends'}`, {
        position: { file, line, column: Math.max(1, raw.indexOf(fields[4] ?? '') + 1) },
        lineText: raw,
      });
      continue;
    }
    const uid = /\suid:(\d{1,10})\b/.exec(raw);
    const v6only = /\sv6only:([01])\b/.exec(raw);
    sockets.push({
      protocol,
      ...local,
      versions: v6only && local.versions.includes(6) && v6only[1] === '1' ? [6] : local.versions,
      // ss -e leaves uid 0 unsaid.
      uid: uid ? Number(uid[1]) : /\sino:\d/.test(raw) ? 0 : undefined,
      programs: [...raw.matchAll(/\("([^"]{1,64})",pid=/g)].map((m) => m[1]),
    });
  }
  return sockets;
}

function parseLocal(
  text: string,
): Pick<ListeningSocket, 'address' | 'versions' | 'device' | 'port'> | undefined {
  const parts = /^(.*):(\d{1,5})$/.exec(text);
  if (!parts || Number(parts[2]) > 0xffff) return undefined;
  const port = Number(parts[2]);
  const [, host] = /^(?:\[([^\]]*)\]|.*)/.exec(parts[1]) ?? [];
  const bracketed = host !== undefined;
  const rest = bracketed ? parts[1].slice(host.length + 2) : '';
  const [name, inner = ''] = (bracketed ? host : parts[1]).split('%', 2);
  const device = inner || rest.replace(/^%/, '');
  if (name === '*') return { address: null, versions: [4, 6], device, port };
  if (name === '::') return { address: null, versions: [6], device, port };
  if (name === '0.0.0.0') return { address: null, versions: [4], device, port };
  // A dual-stack socket bound to an IPv4 address is shown mapped.
  const mapped = /^::ffff:(.*)$/i.exec(name);
  const address = parseAddress(mapped && isIPv4(mapped[1]) ? mapped[1] : name);
  return address && { address, versions: [address.version], device, port };
}
