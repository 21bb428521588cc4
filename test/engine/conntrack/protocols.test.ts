import { describe, it } from 'vitest';
import { type Row, talk } from '../helpers/talk.js';

describe('UDP', () => {
  it('is a stream once it still talks both ways after two seconds', () =>
    talk('udp', [
      ['> len 5', '30'],
      ['< len 5', '30'],
      ['> len 5', '30'],
      ['wait 2.1', ''],
      ['> len 5', 'ASSURED 120'],
    ]));

  it('never is where only one side talks', () =>
    talk('udp', [
      ['> len 5', '30'],
      ['wait 9', ''],
      ['> len 5', '30'],
    ]));
});

describe('GRE', () => {
  it('is a stream once it was answered', () =>
    talk('gre', [
      ['> len 20', '30'],
      ['< len 20', '30'],
      ['> len 20', 'ASSURED 180'],
    ]));
});

describe('SCTP', () => {
  const association: readonly Row[] = [
    ['> tag 0 INIT 11', 'CLOSED 10'],
    ['< tag 11 INIT-ACK 22', 'COOKIE_WAIT 3'],
    ['> tag 22 COOKIE-ECHO', 'COOKIE_ECHOED 3'],
    ['< tag 11 COOKIE-ACK', 'ESTABLISHED ASSURED 210'],
  ];

  it('opens with four packets', () => talk('sctp', association));

  it('shuts down', () =>
    talk('sctp', [
      ...association,
      ['> tag 22 SHUTDOWN', 'SHUTDOWN_SENT ASSURED 3'],
      ['< tag 11 SHUTDOWN-ACK', 'SHUTDOWN_ACK_SENT ASSURED 3'],
      ['> tag 22 SHUTDOWN-COMPLETE', 'CLOSED ASSURED 10'],
    ]));

  it('takes DATA only with the right tag', () =>
    talk('sctp', [
      ...association,
      ['> tag 22 DATA', 'ESTABLISHED ASSURED 210'],
      ['> tag 23 DATA', 'invalid ESTABLISHED ASSURED 210'],
    ]));

  it('takes an ABORT with its own tag, or the reflected one and the T bit', () => {
    talk('sctp', [...association, ['> tag 22 ABORT', 'CLOSED ASSURED 10']]);
    talk('sctp', [...association, ['> tag 11 ABORT T', 'CLOSED ASSURED 10']]);
    talk('sctp', [...association, ['> tag 11 ABORT', 'invalid ESTABLISHED ASSURED 210']]);
  });

  it('does not live longer by an INIT sent again', () =>
    talk('sctp', [
      ['> tag 0 INIT 11', 'CLOSED 10'],
      ['wait 4', ''],
      ['> tag 0 INIT 12', 'CLOSED 6'],
    ]));

  it.each(['ABORT', 'SHUTDOWN-COMPLETE', 'COOKIE-ACK', 'DATA', 'INIT 11 | DATA'])(
    'does not open with %s',
    (chunk) => talk('sctp', [[`> tag ${chunk.startsWith('INIT') ? 0 : 5} ${chunk}`, 'invalid nothing']]),
  );

  it('opens, for later ones to be judged by, with what comes out of the blue', () =>
    talk('sctp', [['> tag 5 SHUTDOWN-ACK', 'SHUTDOWN_ACK_SENT 3']]));

  it("learns the other side's tag from a SHUTDOWN ACK out of the blue, and from no other chunk", () => {
    talk('sctp', [
      ['> tag 5 SHUTDOWN-ACK', 'SHUTDOWN_ACK_SENT 3'],
      ['< tag 0 DATA', 'invalid SHUTDOWN_ACK_SENT 3'],
      ['< tag 5 DATA', 'SHUTDOWN_ACK_SENT 3'],
      ['> tag 5 DATA', 'invalid SHUTDOWN_ACK_SENT 3'],
    ]);
    talk('sctp', [
      ['> tag 5 HEARTBEAT-ACK', 'CLOSED 10'],
      ['< tag 5 DATA', 'invalid CLOSED 10'],
      ['< tag 0 DATA', 'CLOSED 10'],
      ['> tag 5 DATA', 'CLOSED 10'],
    ]);
  });

  it('follows a heartbeat to another path, and goes on only with its answer', () =>
    talk('sctp', [
      ['> tag 22 HEARTBEAT', 'HEARTBEAT_SENT 30'],
      ['< tag 11 SHUTDOWN', 'invalid HEARTBEAT_SENT 30'],
      ['< tag 11 HEARTBEAT-ACK', 'ESTABLISHED ASSURED 210'],
    ]));

  it('lets one heartbeat with a new tag pass, and learns the tags from its answer', () =>
    talk('sctp', [
      ...association,
      ['> tag 99 HEARTBEAT', 'ESTABLISHED ASSURED 210'],
      ['< tag 77 HEARTBEAT-ACK', 'ESTABLISHED ASSURED 210'],
      ['< tag 77 DATA', 'ESTABLISHED ASSURED 210'],
    ]));
});
