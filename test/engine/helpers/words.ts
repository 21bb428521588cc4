import {
  icmpMessage,
  ipPacket,
  sctpInit,
  sctpPacket,
  tcpSegment,
  udpDatagram,
  type IpFields,
  type SctpChunk,
  type TcpFields,
} from '../../../src/lab/craft.js';

const CHUNKS: Record<string, number> = {
  DATA: 0,
  INIT: 1,
  'INIT-ACK': 2,
  HEARTBEAT: 4,
  'HEARTBEAT-ACK': 5,
  ABORT: 6,
  SHUTDOWN: 7,
  'SHUTDOWN-ACK': 8,
  ERROR: 9,
  'COOKIE-ECHO': 10,
  'COOKIE-ACK': 11,
  'SHUTDOWN-COMPLETE': 14,
};

/**
 * A packet in the words of tcpdump:
 *
 *     tcp A:1000 > B:80 SA seq 5 ack 7 win 1000 len 10 wscale 7 sackok sack 10-20 mss 1460
 *     udp A:1000 > B:53 len 30            sctp A:1 > B:2 tag 7 INIT 9 | COOKIE-ECHO | DATA
 *     icmp A > B 8/0 id 7 n 1             icmp A > B 3/3 about udp B:53 > A:1000 (quote 28)
 *     gre A > B call 5                    ip A > B proto 89 len 20
 *
 *     udp A:1000 > B:69 says "\u0000\u0001name"      tcp A:1000 > B:21 PA seq 5 says "QUIT\r\n"
 *
 *     hex 4500…
 *
 * of IPv6 with [2001:db8::1]:80 and label N, and of each: ttl N, tos N, id N (IP), df, mf, offset N, badsum. @returns the bytes from the IP header on
 */
export function packetOf(words: string): Uint8Array {
  if (words.startsWith('hex ')) return Uint8Array.from(Buffer.from(words.slice(4), 'hex'));
  const [unsaid, said] = words.split(/ says (?=")/);
  const [text, quoted] = unsaid.split(/ about /);
  const [kind, from, arrow, to, ...rest] = text.trim().split(/\s+/);
  if (arrow !== '>') throw new Error(`not a packet: ${words}`);
  const flag = (name: string): boolean => rest.includes(name);
  const value = (name: string): number | undefined => {
    const at = rest.indexOf(name);
    return at < 0 ? undefined : Number(rest[at + 1]);
  };
  const [source, sourcePort] = endpoint(from);
  const [destination, destinationPort] = endpoint(to);
  const ip: IpFields = {
    source,
    destination,
    ttl: value('ttl'),
    tos: value('tos'),
    id: value('ipid') ?? 1,
    dontFragment: flag('df'),
    moreFragments: flag('mf'),
    fragmentOffset: value('offset'),
    flowLabel: value('label'),
  };
  const data = said
    ? new Uint8Array(Buffer.from(JSON.parse(said) as string, 'latin1'))
    : new Uint8Array(value('len') ?? 0).fill(0x61);
  const make = (protocol: number, payload: Uint8Array): Uint8Array =>
    ipPacket(ip, protocol, payload, { badChecksum: flag('badsum') });
  switch (kind) {
    case 'tcp': {
      const sack = rest[rest.indexOf('sack') + 1];
      const tcp: TcpFields = {
        sourcePort,
        destinationPort,
        flags: rest[0] === '.' ? '' : rest[0],
        sequence: value('seq'),
        acknowledgment: value('ack'),
        window: value('win'),
        windowScale: value('wscale'),
        mss: value('mss'),
        sackPermitted: flag('sackok'),
        sack: flag('sack') ? [sack.split('-').map(Number) as [number, number]] : undefined,
        payload: data,
      };
      return make(6, tcpSegment(tcp));
    }
    case 'udp':
      return make(17, udpDatagram(sourcePort, destinationPort, data));
    case 'icmp': {
      const [type, code] = rest[0].split('/').map(Number);
      const quotation = quoted ? quote(quoted) : data;
      const protocol = source.includes(':') ? 58 : 1;
      return make(
        protocol,
        icmpMessage(type, code, ((value('id') ?? 0) << 16) | (value('n') ?? 0), quotation),
      );
    }
    case 'gre': {
      const call = value('call');
      const header = call === undefined ? [0, 0, 8, 0] : [0x20, 1, 0x88, 0x0b, 0, 4, call >> 8, call & 255];
      return make(47, Uint8Array.from([...header, ...data]));
    }
    case 'sctp':
      return make(132, sctpPacket(sourcePort, destinationPort, value('tag') ?? 0, chunksOf(text)));
    case 'ip':
      return make(value('proto') ?? 255, data);
    default:
      throw new Error(`not a packet: ${words}`);
  }
}

function endpoint(text: string): [string, number] {
  const [, six, port6] = /^\[(.*)\]:(\d+)$/.exec(text) ?? [];
  if (six) return [six, Number(port6)];
  if (text.split(':').length > 2) return [text, 0];
  const [address, port = '0'] = text.split(':');
  return [address, Number(port)];
}

/** `… (quote 28)`: so many bytes of it. */
function quote(words: string): Uint8Array {
  const [, inner, bytes] = /^(.*?)(?: \(quote (\d+)\))?$/.exec(words) as RegExpExecArray;
  return packetOf(inner).subarray(0, bytes ? Number(bytes) : undefined);
}

function chunksOf(text: string): SctpChunk[] {
  const from = text.search(/[A-Z]{4}/);
  return text
    .slice(from)
    .split('|')
    .map((chunk) => {
      const [name, tag] = chunk.trim().split(/\s+/);
      const type = CHUNKS[name];
      if (type === undefined) throw new Error(`not a chunk: ${chunk}`);
      const flags = tag === 'T' ? 1 : 0;
      return { type, flags, body: type === 1 || type === 2 ? sctpInit(Number(tag)) : new Uint8Array(4) };
    });
}
