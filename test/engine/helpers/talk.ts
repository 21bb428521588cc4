import { expect } from 'vitest';
import { ConnectionEntry } from '../../../src/engine/conntrack/entry.js';
import { trackProtocol } from '../../../src/engine/conntrack/protocols.js';
import { SCTP_STATE_NAMES } from '../../../src/engine/conntrack/sctp.js';
import { conntrackSettings } from '../../../src/engine/conntrack/settings.js';
import { TCP_STATE_NAMES } from '../../../src/engine/conntrack/tcpState.js';
import { ProtocolVerdict } from '../../../src/engine/conntrack/verdict.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { CtStatus, Direction, Tuple } from '../../../src/rules/connection.js';
import { packetOf } from './words.js';

const CLIENT = '192.0.2.1:1000';
const SERVER = '198.51.100.1:80';

/** A row: what goes which way (`> SA seq 5`), and what the connection is afterwards: `SYN_RECV 60`. */
export type Row = readonly [words: string, after: string];

/**
 * Plays both sides of one connection to its tracker, and says after each packet: what it was taken for if not
 * accepted, the state, ASSURED, and the seconds that the entry lives on. `wait N` lets N seconds pass.
 */
export function talk(
  protocol: 'tcp' | 'udp' | 'sctp' | 'gre',
  rows: readonly Row[],
  sysctls: Record<string, number> = {},
): void {
  const settings = conntrackSettings(
    (name, fallback) => sysctls[name.replace(/^.*nf_conntrack_/, '')] ?? fallback,
  );
  let entry = new ConnectionEntry(1, new Tuple(), new Tuple());
  let now = 0;
  const seen = rows.map(([words]): Row => {
    if (words.startsWith('wait ')) {
      now += Number(words.slice(5)) * 1e9;
      return [words, ''];
    }
    const direction = words.startsWith('>') ? Direction.original : Direction.reply;
    const [from, to] = direction === Direction.original ? [CLIENT, SERVER] : [SERVER, CLIENT];
    const packet = decodePacket(packetOf(`${protocol} ${from} > ${to} ${words.slice(2)}`));
    if (typeof packet === 'string') throw new Error(packet);
    packet.time = now;
    const verdict = trackProtocol(entry, packet, direction, settings);
    const judged = verdict === ProtocolVerdict.accept ? '' : `${verdict} `;
    if (verdict === ProtocolVerdict.repeat) {
      entry = new ConnectionEntry(1, new Tuple(), new Tuple());
      return [words, verdict];
    }
    if (verdict !== ProtocolVerdict.invalid) {
      entry.status |= CtStatus.confirmed;
      if (direction === Direction.reply) entry.status |= CtStatus.seenReply;
    }
    return [words, judged + describe(entry, now)];
  });
  expect(seen).toEqual(rows);
}

function describe(entry: ConnectionEntry, now: number): string {
  if (!entry.confirmed) return 'nothing';
  const tcp = entry.tcpState();
  const state = tcp ? TCP_STATE_NAMES[tcp.state] : entry.sctp ? SCTP_STATE_NAMES[entry.sctp.state] : '';
  const assured = entry.has(CtStatus.assured) ? 'ASSURED' : '';
  return [state, assured, String(Math.round((entry.expires - now) / 1e9))].filter((w) => w !== '').join(' ');
}
