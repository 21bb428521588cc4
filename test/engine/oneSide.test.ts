import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LinkType } from '../../src/capture/frame.js';
import { PacketType } from '../../src/packet/numbers.js';
import { scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';
import { type EthernetFrame, ethernetFrames, pcapOf } from './interfaces.js';

interface Compared {
  readonly status: number;
  readonly summary: { readonly matched: number };
  readonly differences: readonly {
    readonly kind: string;
    readonly field: string | null;
    readonly reason: string | null;
  }[];
  readonly assumptions: readonly string[];
}

const PEER = Uint8Array.of(2, 0, 0, 0, 0x99, 0x99);
const PEERS = { eth0: PEER, eth1: PEER, docker0: PEER, vethc0: PEER, lo: new Uint8Array(6) };

const framesOf = (recording: string): Promise<EthernetFrame[]> =>
  ethernetFrames(`captures/${recording}/any.pcap`, `rulesets/${recording}`, PEERS);

async function compare(recording: string, files: string): Promise<Compared> {
  const told = `--host rulesets/${recording} --log captures/${recording}/kernel.log --search 0`;
  const { status, stdout } = await run(`compare ${files} ${told} --format json`);
  return { status, ...(JSON.parse(stdout) as Omit<Compared, 'status'>) };
}

/** Compares with captures of some interfaces alone, as `tcpdump -i` of each would have made them. */
function compareOnly(recording: string, ...interfaces: string[]): Promise<Compared> {
  return compareSome(recording, interfaces, () => true);
}

async function compareSome(
  recording: string,
  interfaces: readonly string[],
  isCaptured: (frame: EthernetFrame) => boolean,
): Promise<Compared> {
  using temporary = scratch();
  const frames = (await framesOf(recording)).filter(isCaptured);
  const files = interfaces.map((name) =>
    temporary.file(`${name}.pcap`, pcapOf(frames.filter((f) => f.interface === name))),
  );
  return await compare(
    recording,
    `${files.join(' ')} ${interfaces.map((name, i) => `-i ${files[i]}=${name}`).join(' ')}`,
  );
}

const ANSWER = 'it answers a connection that came in by an interface which was not captured';

const isOpen = ({ kind }: { kind: string }): boolean => kind === 'undecidable' || kind === 'notCaptured';

describe('a capture of some of a router’s interfaces', () => {
  it.each<[recording: string, interfaces: string[], matched: number, reasons: string[]]>([
    ['docker-published-port', ['eth0'], 26, ['docker0 was not captured', ANSWER]],
    ['docker-published-port', ['docker0'], 31, []],
    ['docker-published-port', ['eth0', 'docker0'], 31, []],
    ['router-masquerade', ['eth0'], 1, ['eth1 was not captured']],
    ['router-masquerade', ['eth1'], 4, ['eth0 was not captured']],
    ['router-masquerade', ['eth0', 'eth1'], 5, []],
    ['ping-to-itself', ['eth0'], 0, ['lo was not captured']],
  ])(
    '%s, %s: %i lines predicted, of the rest it is said that nothing can be',
    async (name, interfaces, matched, reasons) => {
      const { status, summary, differences } = await compareOnly(name, ...interfaces);
      expect(differences.filter((d) => !isOpen(d))).toEqual([]);
      for (const { kind, reason } of differences)
        expect(kind).toBe(reason === ANSWER ? 'undecidable' : 'notCaptured');
      expect([...new Set(differences.map((d) => d.reason))]).toEqual(reasons);
      expect({ status, matched: summary.matched }).toEqual({ status: 0, matched });
    },
  );

  it('says what was assumed', async () => {
    const { assumptions } = await compareOnly('docker-published-port', 'docker0');
    expect(assumptions).toContain(
      'eth0 was not captured; packets that were seen only as they left were taken to have come in by it.',
    );
    const other = await compareOnly('router-masquerade', 'eth0');
    expect(other.assumptions.join()).toMatch(/left with an address of the host that others had sent/);
  });

  it.each([
    ['docker-published-port', ['eth0', 'docker0'], 31],
    ['router-masquerade', ['eth0', 'eth1'], 5],
  ])(
    '%s: of what came in alone it is said that nothing tells what left',
    async (name, interfaces, matched) => {
      const { status, summary, differences, assumptions } = await compareSome(
        name,
        interfaces,
        ({ direction }) => direction === 'in',
      );
      expect(differences).toEqual([]);
      expect({ status, matched: summary.matched }).toEqual({ status: 0, matched });
      expect(assumptions.filter((a) => a.startsWith('Nothing that left by'))).toHaveLength(1);
    },
  );

  it.each(['redirect-to-local-port', 'default-reject'])(
    '%s: that the host accepted a connection is taken from what its client acknowledges',
    async (name) => {
      const { differences, assumptions } = await compareSome(
        name,
        ['eth0'],
        ({ direction }) => direction === 'in',
      );
      expect(differences.filter((d) => !isOpen(d))).toEqual([]);
      expect(assumptions.filter((a) => a.includes('what its client acknowledged'))).toHaveLength(1);
    },
  );

  it('what alone is not seen to leave, while others are, is a difference', async () => {
    const frames = await framesOf('router-masquerade');
    const gone = frames.find((f) => f.interface === 'eth0' && f.direction === 'out');
    const { status, differences } = await compareSome(
      'router-masquerade',
      ['eth0', 'eth1'],
      (f) => f.time !== gone?.time,
    );
    expect(differences).toMatchObject([{ kind: 'egress', reason: 'it was not seen to leave' }]);
    expect(status).toBe(1);
  });

  it('takes what came in and what left from two files of bare packets', async () => {
    using temporary = scratch();
    const name = 'docker-published-port';
    const frames = (await framesOf(name)).filter((f) => f.interface === 'eth0');
    const [inward, outward] = (['in', 'out'] as const).map((direction) =>
      temporary.file(
        `${direction}.pcap`,
        pcapOf(
          frames
            .filter((f) => f.direction === direction)
            .map((f) => ({ ...f, bytes: f.bytes.subarray(ETHERNET) })),
          LinkType.raw,
        ),
      ),
    );
    const { status, summary, differences, assumptions } = await compare(
      name,
      `--in eth0=${inward} --egress eth0=${outward}`,
    );
    expect(differences.filter((d) => !isOpen(d))).toEqual([]);
    expect({ status, matched: summary.matched }).toEqual({ status: 0, matched: 26 });
    // What has no link header has no MAC= to compare.
    expect(assumptions).toContain(
      'The capture does not keep the link addresses of what came in by eth0: MAC= of its lines is left empty, and not compared.',
    );
  });
});

const ETHERNET = 14;

/**
 * A host of Linux 6.18 that asks a name server, pings and fetches, and is asked and pinged itself, as tcpdump captured it on
 * any; its rules log what is new, established, related and invalid.
 */
const TALK = 'test/engine/oneSided';

/** The frames of a capture of all interfaces that went one way. */
function oneWay(direction: 'in' | 'out'): Uint8Array {
  const file = readFileSync(`${TALK}/any.pcap`);
  const kept = [file.subarray(0, 24)];
  for (let at = 24; at < file.length;) {
    const end = at + 16 + file.readUInt32LE(at + 8);
    const packetType = file[at + 16 + PACKET_TYPE];
    if ((packetType === PacketType.outgoing) === (direction === 'out')) kept.push(file.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}
/** Where LINUX_SLL2 has it. */
const PACKET_TYPE = 10;

describe('a host that asks and is asked, captured one way', () => {
  /** @param rewrite what is planted: other rules than the host had */
  async function compareTalk(
    captured: 'in' | 'out' | 'eth0-in' | 'eth0-out' | 'eth0' | 'any',
    rewrite: (rules: string) => string = (rules) => rules,
  ): Promise<Compared> {
    using temporary = scratch();
    const [name, way] = captured.startsWith('eth0') ? ['eth0', captured.slice(5)] : ['any', captured];
    const direction = way === 'in' || way === 'out' ? way : null;
    const frames = await ethernetFrames(`${TALK}/any.pcap`, `${TALK}/host`, PEERS);
    const bytes =
      name === 'eth0'
        ? pcapOf(frames.filter((f) => direction === null || f.direction === direction))
        : direction
          ? oneWay(direction)
          : readFileSync(`${TALK}/any.pcap`);
    const capture = temporary.file('some.pcap', bytes);
    const rules = readFileSync(`${TALK}/host/iptables-save.txt`, 'utf8');
    const other = temporary.file('rules', rewrite(rules));
    const { status, stdout } = await run(
      `compare ${capture} --host ${TALK}/host --rules ${other} --log ${TALK}/kernel.log --search 0 --format json`,
    );
    return { status, ...(JSON.parse(stdout) as Omit<Compared, 'status'>) };
  }

  it.each([
    ['any', 40],
    ['eth0', 40],
    ['in', 11],
    ['eth0-in', 21],
    ['out', 21],
    ['eth0-out', 21],
  ] as const)('%s: %i of 40 lines alike, and nothing against the rules', async (captured, matched) => {
    const { status, summary, differences } = await compareTalk(captured);
    expect(differences.filter((d) => !isOpen(d))).toEqual([]);
    expect({ status, matched: summary.matched }).toEqual({ status: 0, matched });
  });

  it.each<[what: string, rewrite: (rules: string) => string, captured: ('in' | 'out' | 'eth0-in')[]]>([
    ['a port that is not open', (r) => r.replace('--dport 22', '--dport 23'), ['in', 'eth0-in']],
    [
      'a missing rule',
      (r) => r.replace('-A INPUT -p udp -m udp --dport 5353 -j ACCEPT', ''),
      ['in', 'eth0-in'],
    ],
    ['another prefix', (r) => r.replace('"drop: "', '"refused: "'), ['in', 'eth0-in']],
    ['another prefix in OUTPUT', (r) => r.replace('"out new: "', '"out first: "'), ['out']],
  ])('still shows %s', async (_what, rewrite, captures) => {
    for (const captured of captures) {
      const { status, differences } = await compareTalk(captured, (rules) => {
        const planted = rewrite(counterless(rules));
        expect(planted).not.toBe(counterless(rules));
        return planted;
      });
      expect({ captured, status, found: differences.some((d) => !isOpen(d)) }).toEqual({
        captured,
        status: 1,
        found: true,
      });
    }
  });

  it('says what is taken for granted', async () => {
    const { assumptions } = await compareTalk('eth0-in');
    expect(assumptions.filter((a) => a.includes('looks like') || a.includes('look like'))).toHaveLength(1);
  });
});

const counterless = (rules: string): string => rules.replaceAll(/\[\d+:\d+\] -A/g, '-A');

describe('a rule that counts packets', () => {
  const LIMITED = '-A FORWARD -m limit --limit 1/min --limit-burst 3 -j LOG --log-prefix "LIMITED: "';

  async function compareLimited(captures: readonly string[] | null): Promise<Compared> {
    using temporary = scratch();
    const name = 'docker-published-port';
    const rules = readFileSync(`rulesets/${name}/iptables-save.txt`, 'utf8');
    const limited = temporary.file('rules', rules.replace(/^(?=.*-A FORWARD)/m, `${LIMITED}\n`));
    const frames = await framesOf(name);
    const files = captures?.map((device) =>
      temporary.file(`${device}.pcap`, pcapOf(frames.filter((f) => f.interface === device))),
    ) ?? [`captures/${name}/any.pcap`];
    const named = captures?.map((device, i) => `-i ${files[i]}=${device}`) ?? [];
    return await compare(name, `${files.join(' ')} ${named.join(' ')} --rules ${limited}`);
  }

  it('is wrong about its own lines where all packets were captured', async () => {
    const { differences } = await compareLimited(null);
    expect(differences.map((d) => d.kind)).toEqual(['onlySimulated', 'onlySimulated', 'onlySimulated']);
  });

  it('is in doubt about them where one interface of two was', async () => {
    const { status, differences } = await compareLimited(['eth0']);
    expect(differences.filter((d) => !isOpen(d))).toEqual([]);
    expect(differences.some((d) => d.reason?.includes('limit counts packets'))).toBe(true);
    expect(status).toBe(0);
  });
});
