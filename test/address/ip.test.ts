import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress, IpNetwork, parseAddress, parseNetwork, readIpv4 } from '../../src/address/ip.js';

describe('an IPv4 address', () => {
  it('is what node takes for one, whatever the text', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('', '00', '01', 'a', '1 ', '256', '0x1'));
    const text = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(text, (given) => {
        expect(!Number.isNaN(readIpv4(given, 0, given.length))).toBe(isIPv4(given));
      }),
    );
  });

  it('comes back from its text', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (word) => {
        expect(parseAddress(new IpAddress(4, word).toString())).toEqual(new IpAddress(4, word));
      }),
    );
  });

  it('is read out of a longer text', () => {
    expect(readIpv4('add x 192.0.2.1/24', 6, 15)).toBe((192 << 24) | (2 << 8) | 1);
  });
});

describe('the length of a prefix', () => {
  it('is what the network was made with', () => {
    for (const [version, width] of [
      [4, 32],
      [6, 128],
    ] as const)
      for (let length = 0; length <= width; length++)
        expect(IpNetwork.ofPrefix(new IpAddress(version, -1, -1, -1, -1), length).prefixLength).toBe(length);
  });

  it.each([
    ['10.0.0.0/255.0.255.0', undefined],
    ['10.0.0.0/0.0.0.1', undefined],
    ['10.0.0.0/255.255.255.254', 31],
    ['2001:db8::/ffff::1', undefined],
    ['2001:db8::/ffff:ffff::', 32],
  ])('of %s is %s', (text, length) => {
    expect(parseNetwork(text)?.prefixLength).toBe(length);
  });
});
