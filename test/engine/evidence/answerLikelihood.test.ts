import { describe, expect, it } from 'vitest';
import {
  type AnswerLikelihood,
  answerLikelihood,
  type Way,
} from '../../../src/engine/evidence/answerLikelihood.js';
import { assumeHost } from '../../../src/host/assume.js';
import type { Host } from '../../../src/host/host.js';
import { parseListeningSockets } from '../../../src/host/sockets.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { packetOf } from '../helpers/words.js';

const LISTENING = `udp UNCONN 0 0 0.0.0.0:5353 0.0.0.0:*
udp UNCONN 0 0 0.0.0.0:123 0.0.0.0:*
tcp LISTEN 0 5 0.0.0.0:22 0.0.0.0:*`;
const host: Host = {
  ...assumeHost({}, new Diagnostics()),
  sockets: parseListeningSockets(LISTENING, 'ss', new Diagnostics()),
};

const PEER = '198.51.100.9';
const OWN = '198.51.100.2';

describe('what a packet is, taken alone', () => {
  it.each<[words: string, way: Way, AnswerLikelihood]>([
    [`tcp ${PEER}:80 > ${OWN}:40000 SA seq 5 ack 6`, 'received', 'answer'],
    [`tcp ${PEER}:80 > ${OWN}:40000 RA seq 0 ack 6`, 'received', 'answer'],
    // It may end a connection, or be of one that nobody has.
    [`tcp ${PEER}:80 > ${OWN}:40000 R seq 7`, 'received', 'perhaps'],
    [`tcp ${PEER}:40000 > ${OWN}:22 S seq 5`, 'received', 'opening'],
    [`tcp ${PEER}:40000 > ${OWN}:22 A seq 6 ack 9`, 'received', 'opening'],
    [`udp ${PEER}:53 > ${OWN}:40000`, 'received', 'answer'],
    [`udp ${PEER}:5000 > ${OWN}:40000`, 'received', 'perhaps'],
    [`udp ${PEER}:40000 > ${OWN}:5353`, 'received', 'opening'],
    [`udp ${PEER}:123 > ${OWN}:123`, 'received', 'perhaps'],
    [`udp ${PEER}:40000 > ${OWN}:1900`, 'received', 'opening'],
    [`udp ${OWN}:5353 > ${PEER}:40000`, 'sent', 'answer'],
    [`udp ${OWN}:40000 > ${PEER}:53`, 'sent', 'opening'],
    [`udp ${PEER}:53 > 192.168.1.10:1024`, 'forwarded', 'answer'],
    [`udp ${PEER}:1024 > 192.168.1.10:53`, 'forwarded', 'opening'],
    [`udp ${PEER}:30080 > 192.168.1.10:10000`, 'forwarded', 'perhaps'],
    [`icmp ${PEER} > ${OWN} 0/0 id 1 n 1`, 'received', 'answer'],
    [`icmp ${PEER} > ${OWN} 8/0 id 1 n 1`, 'received', 'opening'],
  ])('%s, %s: %s', (words, way, likelihood) => {
    const packet = decodePacket(packetOf(words));
    if (typeof packet === 'string') throw new Error(packet);
    expect(answerLikelihood(packet, host, way)).toBe(likelihood);
  });
});
