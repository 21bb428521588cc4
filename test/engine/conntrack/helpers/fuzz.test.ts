import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ends, datagrams, stream } from '../../../kernel/helperTalks.js';
import { answer, invite, message, session, SIP } from '../../../kernel/sipRows.js';
import { play, type Sent } from '../../helpers/router.js';

const RULES = `*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p udp -j CT --helper sip
-A PREROUTING -p tcp --dport 5060 -j CT --helper sip
-A PREROUTING -p tcp --dport 1723 -j CT --helper pptp
-A PREROUTING -p tcp --dport 6566 -j CT --helper sane
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -p udp --dport 5062 -j SNAT --to-source 198.51.100.2
-A POSTROUTING -p tcp --sport 4001 -j SNAT --to-source 198.51.100.2
COMMIT
`;
const CLIENT = SIP.client[1];
const at = (client: number, server: number): Ends => ({
  client: ['eth1', CLIENT, client],
  server: ['eth0', SIP.server[1], server],
});
const sent = (steps: readonly (readonly [wait: number, device: string, bytes: Uint8Array])[]): Sent[] =>
  steps.map(([, device, bytes], i) => [i / 1000, device, bytes]);

const OFFER = session(CLIENT, 'm=audio 7078 RTP/AVP 0', 'm=video 7080 RTP/AVP 31');
const CONTACT = `Contact: <sip:a@${CLIENT}:5070>;expires=60, <sip:${CLIENT}>`;
const MESSAGES = [
  invite(OFFER),
  answer('200 OK', 'INVITE', OFFER),
  message('REGISTER sip:example.org SIP/2.0', ['CSeq: 1 REGISTER', 'Via: SIP/2.0/UDP 192.168.1.10', CONTACT]),
  answer('200 OK', 'REGISTER', [], 1, [CONTACT, 'Expires: 60']),
];

/** A message with some of it replaced, repeated, or left out. */
const disturbed = fc
  .tuple(
    fc.constantFrom(...MESSAGES),
    fc.array(
      fc.record({
        at: fc.nat(600),
        without: fc.nat(20),
        put: fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 8 }), fc.constantFrom('\r\n', ' ', '\n\t', ':', '@', ',', 'sip:', 'm=', '\u00ff', '1.2.3.4')), // prettier-ignore
        times: fc.nat(3),
      }),
      { maxLength: 5 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce(
      (t, { at: i, without, put, times }) => t.slice(0, i) + put.repeat(times) + t.slice(i + without),
      text,
    ),
  );

describe('whatever is said to helpers', () => {
  it('is read, as datagrams and segments, translated or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(disturbed, fc.string({ unit: 'binary-ascii' })), { minLength: 1, maxLength: 4 }),
        async (texts) => {
          for (const server of [5060, 5062])
            await play(
              RULES,
              sent(
                datagrams(
                  at(5060, server),
                  texts.map((text, i) => [i % 2 ? '<' : '>', text]),
                ),
              ),
            );
          for (const [client, server] of [
            [4000, 5060],
            [4001, 5060],
            [4000, 1723],
            [4001, 1723],
            [4000, 6566],
          ])
            // prettier-ignore
            await play(RULES, sent(stream(at(client, server), texts.map((text, i) => [i % 2 ? '<' : '>', text]))));
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each([
    ['contacts without an end', `Contact: ${'sip:,'.repeat(12_000)}`],
    ['contacts', `Contact: ${`sip:${CLIENT},`.repeat(3000)}`],
    ['headers', `Contact:\r\n`.repeat(5000)],
    ['headers of contacts', `Contact: sip:\r\n`.repeat(4000)],
    ['continuation lines', `Contact:${'\r\n '.repeat(20_000)}x`],
    ['continuation lines of contacts', `Contact: ${'\r\n sip:,'.repeat(7000)}x`],
    ['media', 'v=0\r\n' + 'm=audio 0\r\n'.repeat(5000)],
    ['media without a connection', 'v=0\r\n' + 'm=x 5\r\nc=\r\n'.repeat(4000)],
    ['connections', 'v=0\r\n' + 'c=IN IP4 \r\n'.repeat(5000)],
    ['one long line', 'v=0\r\nc=' + 'IN IP4'.repeat(9000)],
    ['messages', 'l:0\r\n\r\nx\r\n'.repeat(5000)],
    ['digits', `Expires: ${'9'.repeat(60_000)}`],
  ])('takes no longer than its length asks for: %s', async (_, lines) => {
    const begun = process.cpuUsage();
    for (const method of ['REGISTER', 'INVITE']) {
      const text = `${method} sip:x SIP/2.0\r\nCSeq: 1 ${method}\r\nl: 0\r\n${lines}\r\n\r\n`.slice(
        0,
        65_000,
      );
      const back = `SIP/2.0 200 OK\r\nCSeq: 1 ${method}\r\n${lines}\r\n\r\n`.slice(0, 65_000);
      await play(RULES, sent(datagrams(at(5060, 5060), [['>', text], ['<', back]]))); // prettier-ignore
      await play(RULES, sent(datagrams(at(5060, 5062), [['>', text], ['<', back]]))); // prettier-ignore
      await play(RULES, sent(stream(at(4000, 5060), [['>', text], ['<', back]]))); // prettier-ignore
    }
    expect(process.cpuUsage(begun).user / 1e6).toBeLessThan(2);
  });
});
