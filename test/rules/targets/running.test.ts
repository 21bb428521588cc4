import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/address/ip.js';
import { verifyTransport } from '../../../src/packet/checksum.js';
import { setTtl, ttlOf } from '../../../src/packet/rewrite.js';
import type { Context, CtTemplate, LogOptions, NatRange, RouteView } from '../../../src/rules/context.js';
import { Manip } from '../../../src/rules/context.js';
import { Hook } from '../../../src/rules/hook.js';
import { RateEstimator } from '../../../src/rules/rateEstimator.js';
import { TARGETS } from '../../../src/rules/targets/index.js';
import { Verdict } from '../../../src/rules/verdict.js';
import { hexOf, packetOf, readBlocks } from '../../packet/rows.js';
import { connection, context, tuple, udpPacket } from '../matches/packets.js';
import { readTarget } from './reading.js';

const MTU: Pick<RouteView, 'pathMtu'> = { pathMtu: () => 1500 };

/** Runs a rule's target on a packet; gives its verdict. */
function run(rule: string, packet: ReturnType<typeof packetOf>, parts: Partial<Context> = {}): Verdict {
  const { definition, data, errors } = readTarget(rule, packet.version);
  expect(errors).toEqual([]);
  const made = context({ note: () => undefined, ...parts });
  return definition.run(data, packet, made, definition.start(data, made));
}

describe('targets do to packets what a kernel did', () => {
  for (const { head, values } of readBlocks(join(import.meta.dirname, 'kernel-packets.txt'))) {
    it(`${head} ${values.get('in')!.slice(-40)}`, () => {
      const packet = packetOf(values.get('in')!);
      setTtl(packet, ttlOf(packet) - 1);
      expect(run(head.slice(2), packet, { routes: MTU as RouteView })).toBe(Verdict.continue);
      expect(hexOf(packet.data)).toBe(values.get('out'));
      expect(packet.length).toBe(packet.data.length);
    });
  }
});

describe('marks are what conntrack then showed', () => {
  for (const { head, values } of readBlocks(join(import.meta.dirname, 'kernel-marks.txt'))) {
    it(`${head} ${values.get('in')!.slice(-16)}`, () => {
      const packet = packetOf(values.get('in')!);
      const v4 = packet.version === 4;
      const [a, c] = v4 ? ['10.99.0.2', '10.98.0.2'] : ['fd99::2', 'fd98::2'];
      const icmp = packet.protocol === 1;
      // ICMP: the id stands as the source's port.
      const [sport, dport] = icmp ? [5, 0x0800] : [packet.sourcePort, packet.destinationPort];
      const ct = connection({
        original: tuple(a, sport, c, dport, packet.protocol),
        reply: tuple(c, dport, a, sport, packet.protocol),
        mark: 0,
      });
      for (const rule of head.slice(2).split(' ; '))
        expect(run(rule, packet, { connection: ct })).toBe(Verdict.continue);
      expect(ct.mark >>> 0).toBe(Number(values.get('mark')));
    });
  }
});

describe('NAT targets ask for', () => {
  const asked: [Manip, NatRange][] = [];
  const nat: Partial<Context> = {
    hook: Hook.prerouting,
    setupNat: (_, manip, range) => {
      asked.push([manip, range]);
      return range.minPort !== 9;
    },
    interfaceAddress: (packet) => (packet.data[15] === 9 ? null : parseAddress('192.0.2.1')!),
  };
  const take = (rule: string, packet = udpPacket(1000, 53), more: Partial<Context> = {}): unknown[] => {
    asked.length = 0;
    const verdict = run(rule, packet, { ...nat, ...more });
    const [manip, range] = asked[0] ?? [];
    return [
      verdict,
      manip,
      range?.minAddress?.toString(),
      range?.maxAddress?.toString(),
      range?.minPort,
      range?.maxPort,
    ];
  };
  const { accept, drop } = Verdict;

  it('a destination', () => {
    expect(take('-p udp -j DNAT --to-destination 10.1.0.1-10.1.0.9:53-60')).toEqual([
      accept,
      Manip.destination,
      '10.1.0.1',
      '10.1.0.9',
      53,
      60,
    ]);
  });

  it('a source', () => {
    expect(take('-j SNAT --to-source 10.1.0.1')).toEqual([
      accept,
      Manip.source,
      '10.1.0.1',
      '10.1.0.1',
      null,
      null,
    ]);
  });

  it('and drop where no tuple is free', () => {
    expect(take('-p udp -j SNAT --to-source 10.1.0.1:9')).toEqual([
      drop,
      Manip.source,
      '10.1.0.1',
      '10.1.0.1',
      9,
      9,
    ]);
  });

  it("the interface's address", () => {
    expect(take('-p udp -j MASQUERADE --to-ports 1-2')).toEqual([
      accept,
      Manip.source,
      '192.0.2.1',
      '192.0.2.1',
      1,
      2,
    ]);
    expect(take('-p udp -j REDIRECT --to-ports 5')).toEqual([
      accept,
      Manip.destination,
      '192.0.2.1',
      '192.0.2.1',
      5,
      5,
    ]);
  });

  it('nothing where the interface has none, or the packet is from nobody', () => {
    expect(take('-j MASQUERADE', udpPacket(1, 2, { source: '10.0.0.9' }))).toEqual([drop, ...noRange]);
    expect(take('-j MASQUERADE', udpPacket(1, 2, { source: '0.0.0.0' }))).toEqual([accept, ...noRange]);
  });
  const noRange = [undefined, undefined, undefined, undefined, undefined];

  it('an address with the host bits kept', () => {
    const packet = udpPacket(1, 2, { source: '10.0.3.4', destination: '10.0.7.8' });
    const rule = '-j NETMAP --to 192.168.0.0/16';
    expect(take(rule, packet).slice(0, 4)).toEqual([accept, Manip.destination, '192.168.7.8', '192.168.7.8']);
    expect(take(rule, packet, { hook: Hook.output }).slice(1, 3)).toEqual([Manip.destination, '192.168.7.8']);
    expect(take(rule, packet, { hook: Hook.postrouting }).slice(1, 3)).toEqual([Manip.source, '192.168.3.4']);
  });
});

describe('the others', () => {
  const packet = (): ReturnType<typeof packetOf> => udpPacket(1000, 53);

  it('queue: where nobody listens a bypass goes on with the next hook', () => {
    expect(run('-j NFQUEUE --queue-num 5', packet())).toBe(Verdict.queue);
    expect(run('-j NFQUEUE --queue-num 5 --queue-bypass', packet())).toBe(Verdict.accept);
    expect(run('-j QUEUE', packet())).toBe(Verdict.queue);
  });

  it('reject, then drop', () => {
    const kinds: string[] = [];
    expect(run('-j REJECT', packet(), { reject: (_, kind) => kinds.push(kind) })).toBe(Verdict.drop);
    expect(kinds).toEqual(['icmp-port-unreachable']);
  });

  it('log what they were told', () => {
    const lines: LogOptions[] = [];
    run('-j LOG --log-prefix "a: " --log-level info --log-uid', packet(), { log: (_, o) => lines.push(o) });
    expect(lines).toMatchObject([{ prefix: 'a: ', level: 6, uid: true, tcpOptions: false }]);
  });

  it('cut a prefix at 29 bytes, not characters', () => {
    const { data } = readTarget(`-j LOG --log-prefix ${'ü'.repeat(20)}`, 4);
    expect((data as LogOptions).prefix).toBe(`${'ü'.repeat(14)}\ufffd`);
  });

  it('make a conntrack template', () => {
    const made: CtTemplate[] = [];
    const track = (_: unknown, template: CtTemplate): number => made.push(template);
    run('-j CT --notrack', packet(), { track });
    run('-j NOTRACK', packet(), { track });
    run('-j CT --zone 5', packet(), { track });
    run('-j CT --zone-reply 6', packet(), { track });
    run('-j CT --zone-orig mark', packet(), { track });
    run('-j CT --ctevents new,destroy --helper ftp', packet(), { track });
    expect(made).toMatchObject([
      { notrack: true },
      { notrack: true },
      { notrack: false, zoneOriginal: 5, zoneReply: 5, zoneFromMark: false },
      { zoneOriginal: null, zoneReply: 6 },
      { zoneOriginal: 0, zoneReply: null, zoneFromMark: true },
      { zoneOriginal: null, helper: 'ftp', events: 5 },
    ]);
  });

  it('leave what has no connection to CONNMARK alone', () => {
    const marked = packet();
    marked.mark = 7;
    expect(run('-j CONNMARK --restore-mark', marked, { connection: null })).toBe(Verdict.continue);
    expect(marked.mark).toBe(7);
  });

  it('classify and trace', () => {
    const p = packet();
    run('-j CLASSIFY --set-class 1:ff', p);
    run('-j TRACE', p);
    expect([p.priority, p.traced]).toEqual([0x100ff, true]);
  });

  it('change sets and take marks from them', () => {
    const changes: unknown[] = [];
    const sets = {
      test: () => 0 as const,
      change: (...args: unknown[]) => changes.push([args[0], args[2], args[3]]),
      changes: 0,
      lastingFields: () => null,
      map: () => ({ mark: 0x12, markMask: 0xff, priority: 9 }),
    };
    const p = packet();
    p.mark = 0x3456;
    const rule = '-j SET --add-set a src,dst --exist --timeout 5 --del-set b dst --map-set c src --map-mark';
    run(rule, p, { sets });
    expect(changes).toEqual([
      ['a', [true, false], { add: true, exist: true, timeout: 5 }],
      ['b', [false], { add: false, exist: false, timeout: null }],
    ]);
    expect([p.mark, p.priority]).toEqual([0x3412, 0]);
  });

  it('finish an offloaded checksum', () => {
    const p = packetOf('45000021000700003f1166fd0a6300020a62000203e807d0000d14e768656c6c6f');
    run('-j CHECKSUM --checksum-fill', p);
    expect(hexOf(p.data.subarray(26, 28))).toBe('9b81');
    expect(verifyTransport(p)).toBe('good');
  });

  it('drop a packet whose path MTU holds no headers', () => {
    const syn = packetOf('4500002800070000400666010a6300020a62000203e807d00000006400000000500220006efe0000');
    const routes = { pathMtu: () => 40 } as Partial<RouteView> as RouteView;
    expect(run('-p tcp -j TCPMSS --clamp-mss-to-pmtu', syn, { routes })).toBe(Verdict.drop);
  });
});

describe('the rate estimator', () => {
  const second = 1e9;

  it('comes to the rate that there is, whatever the phase of its timer', () => {
    const estimator = new RateEstimator(0, 2, 0);
    for (let i = 0; i < 1000; i++) estimator.count(500, (i * second) / 10);
    for (const { bytes, packets } of estimator.rates(100 * second)) {
      expect(packets).toBeGreaterThan(8);
      expect(packets).toBeLessThan(12);
      expect(bytes).toBeGreaterThan(4000);
    }
  });

  it('goes back to nothing, and does not walk through years of it', () => {
    const estimator = new RateEstimator(0, 2, 0);
    for (let i = 0; i < 100; i++) estimator.count(500, (i * second) / 10);
    for (const { packets } of estimator.rates(1e6 * second)) expect(packets).toBe(0);
    for (const { bytes } of estimator.rates(3e8 * second)) expect(bytes).toBeLessThanOrEqual(1);
  });

  it('knows what it does not know: when its timer ticked', () => {
    const estimator = new RateEstimator(0, 1, 0);
    estimator.count(500, 0);
    const rates = new Set(estimator.rates(second / 8).map(({ packets }) => packets));
    expect(rates).toEqual(new Set([0, 2]));
    estimator.keep((place) => estimator.rates(second / 8)[place].packets === 2);
    expect(estimator.rates(second / 8).every(({ packets }) => packets === 2)).toBe(true);
  });
});

describe('hostile rules', () => {
  it('are reported, never thrown', () => {
    const names = Object.values(TARGETS);
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(
          fc.tuple(
            fc.nat(20),
            fc.oneof(fc.string(), fc.constantFrom('0', '1:2', '1.2.3.4:5-6/7', 'src', '-', '/')),
          ),
        ),
        fc.constantFrom(4 as const, 6 as const),
        (definition, given, version) => {
          const text = given
            .filter(() => definition.options.length > 0)
            .map(([n, arg]) => {
              const spec = definition.options[n % definition.options.length];
              const word = arg.replace(/[^!-~]|["\\]/g, 'x') || 'x';
              return `${spec.name} ${Array.from({ length: Number(spec.args) }, () => word).join(' ')}`;
            })
            .join(' ');
          if (!definition.versions.includes(version)) return;
          const name = definition.name;
          const { data } = readTarget(`-p tcp -j ${name} ${text}`, version);
          definition.print(data, version);
          definition.list(data, true, version);
          definition.list(data, false, version);
        },
      ),
    );
  });

  it('give an address family of their own only', () => {
    const { errors } = readTarget('-j SNAT --to-source fc00::1', 6);
    expect(errors).toEqual([]);
    expect(readTarget('-j SNAT --to-source fc00::1', 4).errors.length).toBeGreaterThan(0);
  });
});
