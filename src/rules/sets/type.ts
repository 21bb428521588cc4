/** What one part of an element is, and so what of a packet it is compared with. */
export type SetField = 'ip' | 'net' | 'port' | 'tcpUdpPort' | 'mac' | 'mark' | 'iface';

/** A set type as ipset(8) names it. */
export interface SetType {
  readonly name: string;
  readonly method: 'hash' | 'bitmap' | 'list';
  /** In the order of the element's parts; empty for list:set. */
  readonly fields: readonly SetField[];
  /** How many of `src`/`dst` it needs. */
  readonly dimension: number;
  /** 32-bit words of an element's key. */
  readonly width: number;
  /** Where in the key each field begins. */
  readonly offsets: readonly number[];
}

/** Words of a key: an address has four (IPv4 uses the first), a network its prefix length after them. */
const WIDTH: Record<SetField, number> = { ip: 4, net: 5, port: 1, tcpUdpPort: 1, mac: 2, mark: 1, iface: 1 };

function define(name: string, ...fields: SetField[]): SetType {
  const method = name.slice(0, name.indexOf(':')) as SetType['method'];
  const offsets: number[] = [];
  let width = 0;
  for (const field of fields) {
    offsets.push(width);
    width += WIDTH[field];
  }
  return { name, method, fields, dimension: Math.max(1, fields.length), width, offsets };
}

export const SET_TYPES: ReadonlyMap<string, SetType> = new Map(
  [
    define('bitmap:ip', 'ip'),
    define('bitmap:ip,mac', 'ip', 'mac'),
    define('bitmap:port', 'tcpUdpPort'),
    define('hash:ip', 'ip'),
    define('hash:mac', 'mac'),
    define('hash:ip,mac', 'ip', 'mac'),
    define('hash:net', 'net'),
    define('hash:net,net', 'net', 'net'),
    define('hash:ip,port', 'ip', 'port'),
    define('hash:net,port', 'net', 'port'),
    define('hash:ip,port,ip', 'ip', 'port', 'ip'),
    define('hash:ip,port,net', 'ip', 'port', 'net'),
    define('hash:ip,mark', 'ip', 'mark'),
    define('hash:net,port,net', 'net', 'port', 'net'),
    define('hash:net,iface', 'net', 'iface'),
    define('list:set'),
  ].map((type) => [type.name, type]),
);

/** IPSET_TYPE_NOMATCH: its elements may be exceptions. */
export function hasNets(type: SetType): boolean {
  return type.fields.includes('net');
}
