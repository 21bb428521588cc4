import { describe, expect, it } from 'vitest';
import { parseListeningSockets } from '../../src/host/sockets.js';
import { Diagnostics } from '../../src/source/diagnostic.js';

/** Lines of `ss -Hlntup` and `ss -Hlntupe` (iproute2 6.1), and what the socket had been told. */
const ROWS = [
  [
    'udp UNCONN 0      0               10.0.0.1:1005 0.0.0.0:* users:(("python3",pid=12974,fd=8)) ',
    17,
    '10.0.0.1',
    [4],
    '',
    1005,
  ],
  [
    'udp UNCONN 0      0                      *:1001       *:* users:(("python3",pid=12974,fd=4)) ',
    17,
    '',
    [4, 6],
    '',
    1001,
  ],
  [
    'udp UNCONN 0      0              [::]%eth0:1003    [::]:* users:(("python3",pid=12974,fd=6)) ',
    17,
    '',
    [6],
    'eth0',
    1003,
  ],
  ['udp UNCONN 0      0      [::ffff:10.0.0.1]:1007       *:* ', 17, '10.0.0.1', [4], '', 1007],
  ['udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*', 17, '127.0.0.53', [4], 'lo', 53],
  [
    'tcp LISTEN 0      1                  [::1]:1008    [::]:* users:(("python3",pid=12974,fd=12))',
    6,
    '::1',
    [6],
    '',
    1008,
  ],
  ['tcp LISTEN 0      16     0.0.0.0:22    0.0.0.0:* users:(("python3",pid=9094,fd=6))', 6, '', [4], '', 22],
  ['tcp LISTEN 0 4096 *%eth0:8080 *:*', 6, '', [4, 6], 'eth0', 8080],
  ['tcp LISTEN 0 4096 [fe80::1]%eth0:546 [::]:*', 6, 'fe80::1', [6], 'eth0', 546],
] as const;

describe('ss -Hlntup', () => {
  it.each(ROWS)('%s', (line, protocol, address, versions, device, port) => {
    const diagnostics = new Diagnostics();
    const [socket] = parseListeningSockets(line, 'ss-listen.txt', diagnostics);
    expect(diagnostics.list).toEqual([]);
    expect(socket).toMatchObject({ protocol, versions, device, port });
    expect(socket.address?.toString() ?? '').toBe(address);
  });

  it('shows who listens, where -e was given', () => {
    const uid = (line: string): number | undefined =>
      parseListeningSockets(line, '', new Diagnostics())[0].uid;
    expect(
      uid('tcp LISTEN 0 1 *:80 *:* users:(("nginx",pid=1,fd=2)) uid:33 ino:35668 sk:9 v6only:0 <->'),
    ).toBe(33);
    expect(uid('tcp LISTEN 0 1 *:80 *:* users:(("nginx",pid=1,fd=2)) ino:35668 sk:9 v6only:0 <->')).toBe(0);
    expect(uid('tcp LISTEN 0 1 *:80 *:*')).toBeUndefined();
  });

  it('passes over its heading and other families, and complains of lines without a port', () => {
    const diagnostics = new Diagnostics();
    const text =
      'Netid State Recv-Q Send-Q Local Address:Port Peer\nnl UNCONN 0 0 rtnl:kernel *\ntcp LISTEN 0 1 here\n';
    expect(parseListeningSockets(text, 'ss-listen.txt', diagnostics)).toEqual([]);
    expect(diagnostics.list).toMatchObject([
      { severity: 'warning', position: { file: 'ss-listen.txt', line: 3, column: 16 } },
    ]);
  });
});
