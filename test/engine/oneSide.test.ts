import { describe, expect, it } from 'vitest';
import { LinkType } from '../../src/capture/frame.js';
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
