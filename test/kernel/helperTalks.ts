import { ipPacket, tcpSegment, udpDatagram } from '../../src/lab/craft.js';
import { packetOf } from '../engine/helpers/words.js';

/** A packet that comes in: after how many ms, by which interface, from the IP header on. */
export type Step = readonly [wait: number, device: string, bytes: Uint8Array];
/** What one of two says: `>` the client. */
export type Said = readonly ['>' | '<', string | Uint8Array];

/** Where a conversation takes place: as each of the two sees it. */
export interface Ends {
  readonly client: readonly [device: string, address: string, port: number];
  readonly server: readonly [device: string, address: string, port: number];
  /** What the server sees of the client, and the client of the server, where an address is translated. */
  readonly clientSeen?: readonly [address: string, port: number];
  readonly serverSeen?: readonly [address: string, port: number];
}

const WAIT = 2;

function bytesOf(said: string | Uint8Array): Uint8Array {
  return typeof said === 'string' ? new Uint8Array(Buffer.from(said, 'latin1')) : said;
}

/** From whom to whom, as the one who speaks sees it. */
function way({ client, server, clientSeen, serverSeen }: Ends, who: '>' | '<') {
  const [own, [address, port]] =
    who === '>'
      ? [client, serverSeen ?? [server[1], server[2]]]
      : [server, clientSeen ?? [client[1], client[2]]];
  const [device, source, sourcePort] = own;
  return { device, source, sourcePort, destination: address, destinationPort: port };
}

/** Datagrams between two. */
export function datagrams(ends: Ends, said: readonly Said[], wait = WAIT): Step[] {
  return said.map(([who, what]) => {
    const { device, source, destination, sourcePort, destinationPort } = way(ends, who);
    const payload = udpDatagram(sourcePort, destinationPort, bytesOf(what));
    return [wait, device, ipPacket({ source, destination, id: 7 }, 17, payload)];
  });
}

/** A connection between two, opened and, if asked for, closed. `shift`: by how much each side's bytes are more for the other. */
export function stream(ends: Ends, said: readonly Said[], { closes = false, wait = WAIT } = {}): Step[] {
  const next = { '>': 1000, '<': 5000 };
  const steps: Step[] = [];
  const send = (who: '>' | '<', flags: string, payload: Uint8Array = new Uint8Array(0)): void => {
    const { device, source, destination, sourcePort, destinationPort } = way(ends, who);
    const other = who === '>' ? '<' : '>';
    const segment = tcpSegment({
      sourcePort,
      destinationPort,
      flags,
      sequence: next[who],
      acknowledgment: flags.includes('A') ? next[other] : 0,
      window: 60000,
      payload,
    });
    next[who] += payload.length + (/[SF]/.test(flags) ? 1 : 0);
    steps.push([wait, device, ipPacket({ source, destination, id: 7 }, 6, segment)]);
  };
  send('>', 'S');
  send('<', 'SA');
  send('>', 'A');
  for (const [who, what] of said) {
    send(who, 'PA', bytesOf(what));
    send(who === '>' ? '<' : '>', 'A');
  }
  if (closes) {
    send('>', 'FA');
    send('<', 'FA');
    send('>', 'A');
  }
  return steps;
}

/** Packets in the words of `packetOf`. */
export function packets(
  ...list: readonly (readonly [device: string, words: string, wait?: number])[]
): Step[] {
  return list.map(([device, words, wait = WAIT]) => [wait, device, packetOf(words)]);
}
