import { describe, expect, it } from 'vitest';
import { checksum, verifyForReject, verifyIpv4Header, verifyTransport } from '../../src/packet/checksum.js';
import { bytesOf, packetOf } from './rows.js';

/** A UDP datagram of a real kernel, its checksum right. */
const UDP = '45000021000700003f1166fd0a6300020a62000203e807d0000d9b8168656c6c6f';

describe('the Internet checksum', () => {
  it('sums the words of RFC 1071 section 3', () => {
    expect(checksum(bytesOf('0001f203f4f5f6f7'), 0, 8)).toBe(~0xddf2 & 0xffff);
  });

  it('takes an odd last byte as the high half of a word', () => {
    expect(checksum(bytesOf('0001f2'), 0, 3)).toBe(~0xf201 & 0xffff);
  });
});

describe('a checksum is judged', () => {
  const rows: [string, string, number | undefined, ReturnType<typeof verifyTransport>][] = [
    ['good where it is right', UDP, undefined, 'good'],
    ['bad where it is not', UDP.replace('9b81', '9b82'), undefined, 'bad'],
    ['good where UDP has none', UDP.replace('9b81', '0000'), undefined, 'good'],
    ['good where a device was to finish it', UDP.replace('9b81', '14e7'), undefined, 'good'],
    ['unverifiable where the data was cut', UDP, 30, 'unverifiable'],
    ['unverifiable where the field was cut', UDP, 26, 'unverifiable'],
    ['good where it is offloaded, though the data was cut', UDP.replace('9b81', '14e7'), 30, 'good'],
    ['unverifiable in a first fragment', UDP.replace('00070000', '00072000'), undefined, 'unverifiable'],
    ['unverifiable in a later fragment', UDP.replace('00070000', '00070005'), undefined, 'unverifiable'],
    ['good where the protocol has none', UDP.replace('3f11', '3f2f'), undefined, 'good'],
  ];
  for (const [how, hex, cut, state] of rows)
    it(how, () => {
      expect(verifyTransport(packetOf(bytesOf(hex).subarray(0, cut)))).toBe(state);
    });

  it('of IPv4 by the header alone', () => {
    expect(verifyIpv4Header(packetOf(UDP))).toBe('good');
    expect(verifyIpv4Header(packetOf(UDP.replace('66fd', '66fe')))).toBe('bad');
    expect(verifyIpv4Header(packetOf(bytesOf(UDP.replace('4500', '4600')).subarray(0, 24)))).toBe('bad');
  });

  it('of SCTP by its CRC32c, as a kernel filled it in', () => {
    const sctp =
      '45000034000700003f8466790a6200010a6200021f4007d0000000002b0a4de80100001400000005000000000001000100000001';
    expect(verifyTransport(packetOf(sctp))).toBe('good');
    expect(verifyTransport(packetOf(sctp.replace('2b0a', '2b0b')))).toBe('bad');
  });
});

describe('before REJECT answers', () => {
  it('an unknown protocol is summed up as if it had a checksum', () => {
    expect(verifyForReject(packetOf('450000180007000040c8654f0a6300020a63000112345678'))).toBe('bad');
    expect(verifyForReject(packetOf('450000180007000040c8654f0a6300020a6300011234edcb'))).toBe('good');
  });

  it('GRE is not', () => {
    expect(verifyForReject(packetOf('4500001900070000402f65e70a6300020a62000268656c6c6f'))).toBe('good');
  });
});
