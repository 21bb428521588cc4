import { describe, it } from 'vitest';
import { type Row, talk } from '../helpers/talk.js';

/** Client begins at 100, server at 500; both offer 1000 octets. */
const HANDSHAKE: readonly Row[] = [
  ['> S seq 100 win 1000', 'SYN_SENT 120'],
  ['< SA seq 500 ack 101 win 1000', 'SYN_RECV 60'],
  ['> A seq 101 ack 501 win 1000', 'ESTABLISHED ASSURED 432000'],
];
const E = 'ESTABLISHED ASSURED 432000';

describe('TCP: opening', () => {
  it('opens with three segments', () => talk('tcp', HANDSHAKE));

  it('does not live longer by a SYN sent again', () =>
    talk('tcp', [
      ['> S seq 100 win 1000', 'SYN_SENT 120'],
      ['wait 50', ''],
      ['> S seq 100 win 1000', 'SYN_SENT 70'],
    ]));

  it('opens from both sides at once (RFC 9293 section 3.5)', () =>
    talk('tcp', [
      ['> S seq 100 win 1000', 'SYN_SENT 120'],
      ['< S seq 500 win 1000', 'SYN_SENT2 120'],
      ['> SA seq 100 ack 501 win 1000', 'SYN_RECV 60'],
      ['< SA seq 500 ack 101 win 1000', 'SYN_RECV 60'],
      ['< A seq 501 ack 101 win 1000', 'ESTABLISHED ASSURED 432000'],
    ]));

  it('takes an ACK that answers a SYN for a challenge, and the RST that follows for an end', () =>
    talk('tcp', [
      ['> S seq 100 win 1000', 'SYN_SENT 120'],
      ['< A seq 900 ack 7 win 1000', 'SYN_SENT 120'],
      ['> R seq 7 win 0', 'CLOSE 10'],
    ]));

  it('forgets what only an RST ever answered', () =>
    talk('tcp', [
      ['> S seq 100 win 1000', 'SYN_SENT 120'],
      ['< RA seq 0 ack 101 win 0', 'kill CLOSE 120'],
    ]));

  it.each(['FA seq 1 ack 1', 'SA seq 1 ack 1', 'R seq 1', 'RA seq 1 ack 1'])(
    'does not open with %s',
    (words) => talk('tcp', [[`> ${words}`, words.startsWith('FA') ? 'invalid nothing' : 'invalid nothing']]),
  );

  it('picks up in the middle, briefly until it is answered', () =>
    talk('tcp', [
      ['> A seq 100 ack 500 win 1000 len 10', 'ESTABLISHED 300'],
      ['< A seq 500 ack 110 win 1000', 'ESTABLISHED 300'],
      ['< A seq 900000 ack 110 win 1000 len 10', 'ESTABLISHED ASSURED 432000'],
    ]));

  it('picks nothing up where tcp_loose is 0', () =>
    talk('tcp', [['> A seq 100 ack 500', 'invalid nothing']], { tcp_loose: 0 }));
});

describe('TCP: the window', () => {
  const judged = (rows: readonly Row[], sysctls?: Record<string, number>): void =>
    talk('tcp', [...HANDSHAKE, ...rows], sysctls);

  it('waits 300 s for an acknowledgment of data', () =>
    judged([
      ['> PA seq 101 ack 501 win 1000 len 10', 'ESTABLISHED ASSURED 300'],
      ['< A seq 501 ack 111 win 1000', E],
    ]));

  it.each([
    [
      'beyond what the receiver takes',
      '> PA seq 5000 ack 501 win 1000 len 10',
      'invalid ESTABLISHED ASSURED 432000',
    ],
    [
      'acknowledging what was never sent',
      '> A seq 101 ack 600 win 1000',
      'invalid ESTABLISHED ASSURED 432000',
    ],
    ['a SACK of what was never sent', '> A seq 101 ack 501 win 1000 sack 501-900', E],
    ['older than a window: passes, changes nothing', '> PA seq 4294960000 ack 501 win 1000 len 10', E],
    ['a keepalive, one before the next', '> A seq 100 ack 501 win 1000', E],
    ['a keepalive with an octet', '> A seq 100 ack 501 win 1000 len 1', E],
  ])('%s', (_, words, after) => judged([[words, after]]));

  it('holds a SACK against the sender where SACK was agreed on', () =>
    talk('tcp', [
      ['> S seq 100 win 1000 sackok', 'SYN_SENT 120'],
      ['< SA seq 500 ack 101 win 1000 sackok', 'SYN_RECV 60'],
      ['> A seq 101 ack 501 win 1000', E],
      ['> A seq 101 ack 501 win 1000 sack 501-900', 'invalid ESTABLISHED ASSURED 432000'],
    ]));

  it('lets everything pass where tcp_be_liberal is 1', () =>
    judged([['> PA seq 500000 ack 99999 win 1000 len 10', E]], { tcp_be_liberal: 1 }));

  it('counts in the scale that both ends offered', () => {
    const scaled: readonly Row[] = [
      ['> S seq 100 win 1000 wscale 7', 'SYN_SENT 120'],
      ['< SA seq 500 ack 101 win 1000 wscale 7', 'SYN_RECV 60'],
      ['> A seq 101 ack 501 win 1000', E],
      ['< A seq 501 ack 101 win 1000', E],
    ];
    talk('tcp', [...scaled, ['> PA seq 100101 ack 501 win 1000 len 10', 'ESTABLISHED ASSURED 300']]);
    talk('tcp', [
      ...scaled,
      ['> PA seq 400101 ack 501 win 1000 len 10', 'invalid ESTABLISHED ASSURED 432000'],
    ]);
  });

  it('shortens the life after the same segment four times', () =>
    judged([
      ['> A seq 101 ack 501 win 1000', E],
      ['> A seq 101 ack 501 win 1000', E],
      ['> A seq 101 ack 501 win 1000', 'ESTABLISHED ASSURED 300'],
    ]));

  it('shortens the life of a closed window', () =>
    judged([['> A seq 101 ack 501 win 0', 'ESTABLISHED ASSURED 300']]));
});

describe('TCP: ending', () => {
  const closed: readonly Row[] = [
    ...HANDSHAKE,
    ['> FA seq 101 ack 501 win 1000', 'FIN_WAIT ASSURED 120'],
    ['< A seq 501 ack 102 win 1000', 'CLOSE_WAIT ASSURED 60'],
    ['< FA seq 501 ack 102 win 1000', 'LAST_ACK ASSURED 30'],
    ['> A seq 102 ack 502 win 1000', 'TIME_WAIT ASSURED 120'],
  ];

  it('closes one half after the other', () => talk('tcp', closed));

  it('closes both halves at once', () =>
    talk('tcp', [
      ...HANDSHAKE,
      ['> FA seq 101 ack 501 win 1000', 'FIN_WAIT ASSURED 120'],
      ['< FA seq 501 ack 101 win 1000', 'LAST_ACK ASSURED 30'],
      ['> A seq 102 ack 502 win 1000', 'TIME_WAIT ASSURED 120'],
      ['< A seq 502 ack 102 win 1000', 'TIME_WAIT ASSURED 120'],
    ]));

  it('opens again from either side after TIME_WAIT', () => {
    talk('tcp', [...closed, ['> S seq 9000 win 1000', 'repeat']]);
    talk('tcp', [...closed, ['< S seq 9000 win 1000', 'repeat']]);
  });

  it('opens again for whoever aborted', () =>
    talk('tcp', [
      ...HANDSHAKE,
      ['> R seq 101 win 0', 'CLOSE ASSURED 10'],
      ['> S seq 9000 win 1000', 'repeat'],
    ]));

  it.each([
    ['exactly in place: closes', '< RA seq 501 ack 101', 'CLOSE ASSURED 10'],
    ['before what was acknowledged: invalid', '< RA seq 400 ack 101', 'invalid ESTABLISHED ASSURED 432000'],
    [
      'in the window, not in place: may be forged, so the connection lives on',
      '< RA seq 600 ack 101',
      'ESTABLISHED ASSURED 10',
    ],
    ['beyond the window: invalid', '< RA seq 90000 ack 101', 'invalid ESTABLISHED ASSURED 432000'],
  ])('an RST %s', (_, words, after) => talk('tcp', [...HANDSHAKE, [`${words} win 0`, after]]));

  it('takes an RST from before where tcp_ignore_invalid_rst is 1', () =>
    talk('tcp', [...HANDSHAKE, ['< RA seq 400 ack 101 win 0', 'ESTABLISHED ASSURED 10']], {
      tcp_ignore_invalid_rst: 1,
    }));
});

describe('TCP: a SYN inside a connection (RFC 5961 section 4)', () => {
  it('watches it, and follows where a SYN+ACK answers', () =>
    talk('tcp', [
      ...HANDSHAKE,
      ['> S seq 7000 win 1000', E],
      ['< SA seq 8000 ack 7001 win 1000', 'SYN_RECV ASSURED 60'],
      ['> A seq 7001 ack 8001 win 1000', E],
    ]));

  it('goes on where a challenge ACK answers', () =>
    talk('tcp', [
      ...HANDSHAKE,
      ['> S seq 7000 win 1000', E],
      ['< A seq 501 ack 101 win 1000', E],
      ['> R seq 101 win 0', 'CLOSE ASSURED 10'],
    ]));

  it('is invalid from the server', () =>
    talk('tcp', [...HANDSHAKE, ['< S seq 7000 win 1000', 'invalid ESTABLISHED ASSURED 432000']]));
});
