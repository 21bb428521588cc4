import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { framesAtHand } from '../../src/capture/atHand.js';
import { CaptureFile } from '../../src/capture/file.js';
import type { Frame, FrameSource } from '../../src/capture/frame.js';
import { packetRow } from '../../src/capture/list.js';
import { openCaptures } from '../../src/capture/open.js';
import { loadGiven } from '../../src/given.js';
import { decodeLink } from '../../src/packet/link.js';
import { decodePacket } from '../../src/packet/packet.js';
import { runReplay } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { DATA } from '../capture/bytes.js';
import { scratch } from '../cli/examples.js';

/** More with NFREPLAY_FUZZ=200000. */
const RUNS = Number(process.env.NFREPLAY_FUZZ ?? 2000);

interface Seed {
  readonly linkType: number;
  readonly bytes: Uint8Array;
}

const FILES = ['protocols.pcap', 'sll2.pcap', 'eth-nano.pcap', 'sll.pcap', 'raw.pcap', 'nflog.pcap'];

async function seedsOf(paths: readonly string[]): Promise<Seed[]> {
  const seeds: Seed[] = [];
  for (const path of paths)
    for await (const { linkType, bytes } of openCaptures([path]).frames())
      seeds.push({ linkType, bytes: bytes.slice() });
  return seeds;
}

const SEEDS = await seedsOf([...FILES.map((f) => DATA + f), 'captures/docker-published-port/any.pcap']);
const LINK_TYPES = [0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 239, 276];

/** Frames of real captures, some bytes changed, cut, or told to be of another link; and bytes of no origin. */
const frame: fc.Arbitrary<Seed> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...SEEDS) },
  {
    weight: 1,
    arbitrary: fc.record({
      linkType: fc.constantFrom(...LINK_TYPES),
      bytes: fc.uint8Array({ maxLength: 120 }),
    }),
  },
);
const mutated = fc
  .record({
    seed: frame,
    linkType: fc.option(fc.constantFrom(...LINK_TYPES), { freq: 12 }),
    changes: fc.array(
      fc.record({
        at: fc.nat(140),
        value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 4, 5, 0x0f, 0x45, 0x60, 0x7f, 0x80, 0xff)),
        width: fc.constantFrom(1, 1, 2, 4),
      }),
      { maxLength: 5 },
    ),
    cut: fc.option(fc.nat(200), { freq: 4 }),
  })
  .map(({ seed, linkType, changes, cut }): Seed => {
    const bytes = seed.bytes.slice(0, cut ?? undefined);
    for (const { at, value, width } of changes)
      if (bytes.length > 0) bytes.fill(value, at % bytes.length, (at % bytes.length) + width);
    return { linkType: linkType ?? seed.linkType, bytes };
  });

/** Frames 100 µs apart. */
function sourceOf(seeds: readonly Seed[]): FrameSource {
  const list: Frame[] = seeds.map(({ linkType, bytes }, i) => ({
    ...{ number: i + 1, time: i * 1e5, linkType, bytes, originalLength: bytes.length },
    ...{ interface: linkType === 276 ? '' : 'eth0', direction: '', comment: '', file: 0 },
  }));
  return framesAtHand(list, 1_700_000_000_000_000_000n);
}

/** Rules that look at everything there is in a packet. */
const RULES = `*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j LOG --log-prefix "raw: " --log-ip-options --log-tcp-options --log-tcp-sequence --log-uid
-A PREROUTING -p tcp -m string --string "x" --algo bm -j ACCEPT
-A PREROUTING -m u32 --u32 "6&0xFF=1 && 4&0x3FFF=0 && 0>>22&0x3C@0>>24=8" -j ACCEPT
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1000
-A PREROUTING -p tcp -j TCPOPTSTRIP --strip-options timestamp
-A PREROUTING -p sctp -m sctp --chunk-types any INIT,DATA -j MARK --set-mark 1
-A PREROUTING -p dccp -m dccp --dccp-types REQUEST -j MARK --set-mark 2
-A POSTROUTING -j DSCP --set-dscp 0x0a
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp --dport 1:30000 -j DNAT --to-destination 172.17.0.2:80
-A PREROUTING -p udp -j DNAT --to-destination 172.17.0.2
-A PREROUTING -p icmp -j DNAT --to-destination 172.17.0.2
-A POSTROUTING -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate NEW,RELATED -j LOG --log-prefix "in: "
-A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset
-A INPUT -m length --length 0:100 -j REJECT
-A FORWARD -m recent --set --name all
-A FORWARD -m conntrack --ctstate INVALID -j LOG --log-prefix "invalid: " --log-macdecode
-A OUTPUT -j LOG --log-prefix "out: "
COMMIT
`;
const RULES6 = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -j LOG --log-prefix "in6: " --log-ip-options --log-tcp-options --log-tcp-sequence
-A INPUT -m ipv6header --header hop,route,frag --soft -j ACCEPT
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -j REJECT
-A FORWARD -m rt --rt-type 0 -j DROP
-A FORWARD -j LOG --log-prefix "fwd6: "
COMMIT
`;
const NFT = `table inet fuzz {
  chain in { type filter hook prerouting priority -150; policy accept;
    ip option lsrr exists counter
    exthdr frag exists counter
    tcp option maxseg size set 1200
    ct state new log prefix "nft: " flags all
    @th,16,16 53 counter
    @nh,8,16 0x1 drop
    udp dport 1000-2000 reject
  }
}
`;

describe('any frame', () => {
  it('is decoded without an exception, within its own bytes', () => {
    fc.assert(
      fc.property(mutated, ({ linkType, bytes }) => {
        const link = decodeLink(linkType, bytes);
        if (typeof link !== 'string') {
          expect(link.network).toBeLessThanOrEqual(bytes.length + 8);
          const packet = decodePacket(bytes.subarray(link.network));
          if (typeof packet !== 'string') expect(packet.data.length).toBeLessThanOrEqual(bytes.length);
        }
        const frame = { number: 1, time: 0, linkType, bytes, originalLength: bytes.length, file: 0 };
        packetRow({ ...frame, interface: '', direction: '', comment: '' }, 0n);
      }),
      { numRuns: RUNS },
    );
  });

  it('goes through a host with rules that look at everything', { timeout: 1_200_000 }, async () => {
    using temporary = scratch();
    const rulesFiles = [
      temporary.file('rules4', RULES),
      temporary.file('rules6', `# Generated by ip6tables-save v1.8.9\n${RULES6}`),
      temporary.file('rules.nft', NFT),
    ];
    const diagnostics = new Diagnostics();
    const told = {
      addresses: [
        '198.51.100.2/24@eth0',
        '192.0.2.1/24@eth0',
        '172.17.0.1/16@docker0',
        '2001:db8::2/64@eth0',
      ],
      interfaces: ['docker0=bridge', 'eth0=02:00:00:00:01:01'],
      routes: ['default via 198.51.100.1', '::/0 via 2001:db8::1'],
    };
    const load = (): ReturnType<typeof loadGiven> => loadGiven({ ...told, rulesFiles }, diagnostics);
    expect(load().ruleset.tables.length).toBeGreaterThan(4);
    expect(diagnostics.list.filter((d) => d.severity === 'error')).toEqual([]);
    let lines = 0;
    const size = 100;
    await fc.assert(
      fc.asyncProperty(fc.array(mutated, { minLength: size, maxLength: size }), async (seeds) => {
        const began = process.cpuUsage().user;
        const result = await runReplay(sourceOf(seeds), load());
        lines += result.lines.length;
        for (const { text } of result.lines) expect(text.length).toBeLessThan(4000);
        // A hundred packets take milliseconds; nothing may loop.
        expect(process.cpuUsage().user - began).toBeLessThan(5e6);
      }),
      { numRuns: Math.ceil(RUNS / size) },
    );
    expect(lines).toBeGreaterThan(0);
  });
});

describe('a length of 4 GiB', () => {
  it.each(['pcap', 'pcapng'])('is a clear error in a %s file', async (kind) => {
    using temporary = scratch();
    const bytes = Uint8Array.from(
      readFileSync(DATA + (kind === 'pcap' ? 'eth-nano.pcap' : 'commented.pcapng')).subarray(0, 400),
    );
    const at = kind === 'pcap' ? 24 + 8 : 4;
    bytes.fill(0xff, at, at + 4);
    const file = new CaptureFile(temporary.file('long', bytes), {});
    await file.open();
    if (file.reader) await file.advance(file.reader);
    expect(file.errors.map((e) => e.message).join()).toMatch(
      /says it is 429496729[25] bytes long; none is longer than|which no block can be/,
    );
    await file.close();
  });
});
