import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObservedLine } from '../../src/compare/lines.js';
import { NEVER_SEEN } from '../../src/compare/losses.js';
import { agrees } from '../../src/compare/result.js';
import type { PredictedLine } from '../../src/engine/events.js';
import { BOOT, compare, hostOf, kernelTime, observed, predicted, row, udp } from './lines.js';

/** Packets 1 ms apart, each logged by three rules. */
function conversation(packets: number): PredictedLine[] {
  return Array.from({ length: packets * 3 }, (_, i) => {
    const packet = Math.floor(i / 3);
    return predicted(
      udp({ prefix: `L${(i % 3) + 1}: `, out: i % 3 ? 'eth1' : '', id: 100 + packet, ttl: i % 3 ? 63 : 64 }),
      packet * 1e6,
    );
  });
}

const edit = (log: ObservedLine[], at: number, change: (text: string) => string): ObservedLine[] =>
  log.map((o, i) => (i === at ? { ...o, text: change(o.text) } : o));

describe('what a difference is', () => {
  const ours = conversation(5);
  const host = hostOf(ours);

  it('finds none where the log is what was predicted', () => {
    const { summary, differences, aside } = compare(ours, host);
    expect(differences).toEqual([]);
    expect(summary).toEqual({
      packets: 15,
      predicted: 15,
      observed: 15,
      matched: 15,
      fieldMismatch: 0,
      onlySimulated: 0,
      onlyHost: 0,
      suppressed: 0,
    });
    expect(aside).toEqual({
      outside: 0,
      unplaced: 0,
      duplicates: 0,
      reordered: 0,
      undecidable: 0,
      notCaptured: 0,
    });
  });

  it.each([0, 4, 7, 14])('a removed line (%i) is only simulated', (gone) => {
    const result = compare(
      ours,
      host.filter((_, i) => i !== gone),
    );
    expect(result.differences.map(row)).toEqual([
      ['onlySimulated', ours[gone].frame, ours[gone].text.trimEnd()],
    ]);
    expect(result.summary).toMatchObject({ matched: 14, onlySimulated: 1, onlyHost: 0, fieldMismatch: 0 });
    expect(agrees(result)).toBe(false);
  });

  it.each<[string, RegExp, string, (string | null)[][]]>([
    ['a mark more', /$/, 'MARK=0x5 ', [['MARK', null, '0x5']]],
    ['the port', /DPT=53/, 'DPT=54', [['DPT', '53', '54']]],
    ['the source', /SRC=\S+/, 'SRC=192.0.2.1', [['SRC', '198.51.100.9', '192.0.2.1']]],
    ['the IP ID', / ID=\d+/, ' ID=9999', [['ID', '101', '9999']]],
    ['the length', / LEN=40/, ' LEN=44', [['LEN', '40', '44']]],
    ['the interface', /OUT=eth1/, 'OUT=eth2', [['OUT', 'eth1', 'eth2']]],
    [
      'the MAC',
      /:08:00/,
      ':86:dd',
      [['MAC', '02:00:00:00:01:01:02:00:00:00:01:02:08:00', '02:00:00:00:01:01:02:00:00:00:01:02:86:dd']],
    ],
    ['the TTL', /TTL=63/, 'TTL=62', [['TTL', '63', '62']]],
    ['the prefix', /^L2: /, 'L2-new: ', [['PREFIX', 'L2: ', 'L2-new: ']]],
    [
      'where it was translated to',
      /DST=\S+(.*)DPT=53/,
      'DST=10.0.0.1$1DPT=5353',
      [
        ['DST', '198.51.100.2', '10.0.0.1'],
        ['DPT', '53', '5353'],
      ],
    ],
  ])('%s differs: named with both values', (_, from, to, fields) => {
    const at = 4;
    const result = compare(
      ours,
      edit(host, at, (text) => text.replace(from, to)),
    );
    expect(result.differences.map(row)).toEqual(fields.map((f) => ['field', 2, ...f]));
    expect(result.differences[0].position).toEqual({ file: 'kernel.log', line: at + 1 });
    expect(result.summary).toMatchObject({ matched: 14, fieldMismatch: 1, onlySimulated: 0, onlyHost: 0 });
  });

  it('the prefix of another rule is another line, not a field of this one', () => {
    const result = compare(
      ours,
      edit(host, 4, (text) => text.replace('L2: ', 'L3: ')),
    );
    expect(result.differences.map((d) => d.kind).sort()).toEqual(['onlyHost', 'onlySimulated']);
  });

  it('an added line is only on the host, with the frame of its packet', () => {
    const extra = udp({ prefix: 'L9: ', id: 102, ttl: 63 });
    const log = host.toSpliced(8, 0, observed(extra, 2e6, 99));
    const result = compare(ours, log);
    expect(result.differences.map(row)).toEqual([['onlyHost', 3, extra.trimEnd()]]);
    expect(result.summary).toMatchObject({ matched: 15, observed: 16, onlyHost: 1 });
  });

  it('an identical line more is one line more', () => {
    const result = compare(ours, host.toSpliced(8, 0, observed(ours[7].text, ours[7].time, 99)));
    expect(result.differences.map(row)).toEqual([['onlyHost', 3, ours[7].text.trimEnd()]]);
  });

  it('lines of one packet in another order differ in order, told once', () => {
    const swapped = host
      .with(4, { ...host[4], text: host[5].text })
      .with(5, { ...host[5], text: host[4].text });
    const result = compare(ours, swapped);
    expect(result.differences.map((d) => [d.kind, d.field, d.simulated, d.host])).toEqual([
      ['field', 'order', expect.stringMatching(/^line [23] of 3/), expect.stringMatching(/^line [23] of 3/)],
    ]);
    expect(result.summary).toMatchObject({ matched: 14, fieldMismatch: 1 });
  });

  it('lines of two packets in another order are two CPUs, counted and no difference', () => {
    const swapped = host
      .with(2, { ...host[2], text: host[3].text })
      .with(3, { ...host[3], text: host[2].text });
    const result = compare(ours, swapped);
    expect(result.differences).toEqual([]);
    expect(result.aside.reordered).toBe(1);
  });

  it('a line that was cut agrees as far as it goes', () => {
    expect(
      compare(
        ours,
        edit(host, 4, (t) => t.slice(0, 70)),
      ).differences,
    ).toEqual([]);
    expect(
      compare(
        ours,
        edit(host, 4, (t) => t.slice(0, 15)),
      ).differences,
    ).toEqual([]);
  });

  it('the trailing space that syslog cuts is no difference', () => {
    expect(
      compare(
        ours,
        host.map((o) => ({ ...o, text: o.text.trimEnd() })),
      ).differences,
    ).toEqual([]);
  });

  it('says the same of an empty side', () => {
    expect(compare(ours, []).summary).toMatchObject({ onlySimulated: 15, observed: 0 });
    expect(compare([], host, { end: 5e6 }).summary).toMatchObject({ onlyHost: 15, predicted: 0 });
    expect(compare([], []).differences).toEqual([]);
  });
});

describe('identical lines', () => {
  /** The same datagram again and again (ID 0), 200 ms apart, between other traffic. */
  const ours = Array.from({ length: 20 }, (_, i) =>
    predicted(i % 2 ? udp({ id: i, prefix: 'L2: ' }) : udp({ id: 0 }), i * 1e8),
  );

  it.each([0, 4, 10, 18])('retransmission %i missing is the one that is missed', (gone) => {
    const log = hostOf(ours).filter((_, i) => i !== gone);
    expect(compare(ours, log).differences.map((d) => [d.kind, d.frame])).toEqual([
      ['onlySimulated', ours[gone].frame],
    ]);
  });

  it('tells by the neighbours which is missing when stamps are whole seconds', () => {
    const log = hostOf(ours).map((o) => ({
      ...o,
      time: { clock: 'wall' as const, ns: Math.floor(o.time!.ns / 1e9) * 1e9, resolution: 1e9 },
    }));
    for (const gone of [2, 8, 16])
      expect(
        compare(
          ours,
          log.filter((_, i) => i !== gone),
        ).differences.map((d) => d.frame),
      ).toEqual([ours[gone].frame]);
  });

  it('a flood of one line, of which the log holds fewer', () => {
    const flood = Array.from({ length: 4000 }, (_, i) =>
      predicted(udp({ id: 0 }), i * 1e5, { frame: i + 1 }),
    );
    const { summary } = compare(
      flood,
      hostOf(flood).filter((_, i) => i % 5 !== 0),
    );
    expect(summary).toMatchObject({ matched: 3200, onlySimulated: 800, onlyHost: 0 });
  });
});

describe('what leaves a question open is no disagreement', () => {
  const made = udp({ in: '', out: 'eth0', id: 777 });
  const ours = [...conversation(3), predicted(made, 3e6, { uncaptured: true })];
  const host = hostOf(ours);

  it('does not compare the ID of a packet that the host made and nobody saw', () => {
    expect(
      compare(
        ours,
        edit(host, 9, (t) => t.replace('ID=777', 'ID=51234')),
      ).differences,
    ).toEqual([]);
    const other = compare(
      ours,
      edit(host, 9, (t) => t.replace('ID=777', 'ID=5').replace('TTL=64', 'TTL=1')),
    );
    expect(other.differences.map(row)).toEqual([['field', 4, 'TTL', '64', '1']]);
  });

  it('such a packet without a line is undecidable', () => {
    const result = compare(ours, host.slice(0, 9));
    expect(result.differences.map((d) => d.kind)).toEqual(['undecidable']);
    expect(result.aside.undecidable).toBe(1);
    expect(agrees(result)).toBe(true);
  });

  it('and so is a line of a host-made packet that the capture has not', () => {
    const unseen = { mayBeCaptured: true, reason: NEVER_SEEN };
    const result = compare(ours.slice(0, 9), host, { end: 3e6, unseen: () => unseen });
    expect(result.differences.map((d) => d.kind)).toEqual(['undecidable']);
    const known = compare(ours.slice(0, 9), host, { end: 3e6 });
    expect(known.differences.map((d) => d.kind)).toEqual(['onlyHost']);
  });

  it('a line of an interface that was not captured is of a packet that the capture has not', () => {
    const unseen = { mayBeCaptured: false, reason: 'eth1 was not captured' };
    const result = compare(ours.slice(0, 9), host, { end: 3e6, unseen: () => unseen });
    expect(result.differences).toMatchObject([{ kind: 'notCaptured', reason: unseen.reason }]);
    expect(result.aside).toMatchObject({ notCaptured: 1, undecidable: 0 });
    expect(agrees(result)).toBe(true);
  });

  it('what depends on an unknown says so', () => {
    const doubtful = ours.map((p, i) => (i === 4 ? { ...p, doubt: 'set blocked was not given' } : p));
    const result = compare(
      doubtful,
      host.filter((_, i) => i !== 4),
    );
    expect(result.differences.map((d) => [d.kind, d.reason])).toEqual([
      ['undecidable', 'set blocked was not given'],
    ]);
  });

  it('lines that the log says it lost are lost, as many as it counts', () => {
    const long = conversation(20);
    const log = hostOf(long).filter((_, i) => i < 30 || i >= 36);
    const loss = { reason: '4 printk messages dropped', file: 'kernel.log', time: null, interval: null };
    const { summary, differences } = compare(long, log, { losses: [{ ...loss, count: 4, line: 31 }] });
    expect(summary).toMatchObject({ suppressed: 4, onlySimulated: 2 });
    expect(differences[0]).toMatchObject({ kind: 'lost', reason: '4 printk messages dropped' });
    const all = compare(long, log, { losses: [{ ...loss, count: null, line: 31 }] });
    expect(all.summary).toMatchObject({ suppressed: 6, onlySimulated: 0 });
    expect(agrees(all)).toBe(true);
  });

  it('a loss elsewhere explains nothing', () => {
    const long = Array.from({ length: 20 }, (_, i) => predicted(udp({ id: i }), i * 5e9));
    const log = hostOf(long).filter((_, i) => i !== 3);
    const losses = [{ reason: 'x', count: null, file: 'kernel.log', line: 15, time: null, interval: null }];
    expect(compare(long, log, { losses }).differences.map((d) => d.kind)).toEqual(['onlySimulated']);
  });

  it('lines before and after the capture are set aside', () => {
    const log = [observed(udp({ id: 4000 }), -3600e9, 1), ...host, observed(udp({ id: 4001 }), 7200e9, 99)];
    const result = compare(ours, log);
    expect(result.differences).toEqual([]);
    expect(result.aside.outside).toBe(2);
    expect(result.summary.observed).toBe(10);
  });

  it('so are the boots that the capture does not belong to', () => {
    const earlier = Array.from({ length: 5 }, (_, i) =>
      observed(udp({ id: 5000 + i }), 1e12 + i * 1e6, i + 1),
    );
    const result = compare(ours, [...earlier, ...host]);
    expect(result.differences).toEqual([]);
    expect(result.aside.unplaced + result.aside.outside).toBe(5);
  });

  it('a line that two log files hold counts once', () => {
    const again = host.map((o) => ({
      ...o,
      file: 'syslog',
      time: { clock: 'wall' as const, ns: Math.floor((o.time!.ns - BOOT) / 1e9) * 1e9, resolution: 1e9 },
    }));
    const result = compare(ours, [...host, ...again]);
    expect(result.differences).toEqual([]);
    expect(result.aside.duplicates).toBe(10);
  });

  it('lines without any time are paired by their order', () => {
    const log = host.map((o) => ({ ...o, time: null }));
    expect(compare(ours, log).differences).toEqual([]);
    expect(
      compare(
        ours,
        log.filter((_, i) => i !== 4),
      ).differences.map((d) => d.frame),
    ).toEqual([2]);
  });
});

describe('rules', () => {
  it('names the rule that would have written a line of the host', () => {
    const ours = conversation(3);
    const log = hostOf(ours).toSpliced(3, 0, observed(udp({ prefix: 'GONE: ', id: 100 }), 0, 99));
    const rulesOf = (prefix: string) =>
      prefix === 'GONE: ' ? [{ address: 'filter:FORWARD:3', doubt: null }] : [];
    expect(compare(ours, log, { rulesOf }).differences[0]).toMatchObject({
      kind: 'onlyHost',
      rule: 'filter:FORWARD:3',
    });
  });
});

describe('any part of a log', () => {
  const ours = conversation(40);
  const host = hostOf(ours);

  it('missing is reported as exactly that, on either side', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(ours.length - 1), { maxLength: 70 }), (gone) => {
        const away = new Set(gone);
        const texts = ours.filter((_, i) => away.has(i)).map((p) => p.text.trimEnd());
        const fewer = compare(
          ours,
          host.filter((_, i) => !away.has(i)),
        );
        expect(fewer.differences.map((d) => [d.kind, d.simulated])).toEqual(
          texts.map((t) => ['onlySimulated', t]),
        );
        const more = compare(
          ours.filter((_, i) => !away.has(i)),
          host,
          { end: 40e6 },
        );
        expect(more.differences.map((d) => d.host).sort()).toEqual([...texts].sort());
      }),
      { numRuns: 100 },
    );
  });

  it('half missing on each side leaves what both have', () => {
    const left = ours.filter((_, i) => i % 2 === 0);
    const right = host.filter((_, i) => i % 3 !== 0);
    const { summary } = compare(left, right, { end: 40e6 });
    expect(summary).toMatchObject({ matched: 40, onlySimulated: 20, onlyHost: 40, fieldMismatch: 0 });
  });
});

describe('a long capture', () => {
  it('is aligned window by window, with the result of aligning it whole', () => {
    const ours = Array.from({ length: 30_000 }, (_, i) =>
      predicted(udp({ id: i % 50, prefix: `L${i % 7}: `, spt: 1000 + (i % 13) }), i * 1e7, { frame: i + 1 }),
    );
    const gone = new Set([5, 4100, 4101, 12_345, 29_999]);
    const log = hostOf(ours)
      .filter((_, i) => !gone.has(i))
      .map((o, i) => (i === 20_000 ? { ...o, text: `${o.text}MARK=0x1 ` } : o));
    const { differences } = compare(ours, log);
    expect(differences.map((d) => [d.kind, d.frame])).toEqual([
      ['onlySimulated', 6],
      ['onlySimulated', 4101],
      ['onlySimulated', 4102],
      ['onlySimulated', 12_346],
      ['field', 20_005],
      ['onlySimulated', 30_000],
    ]);
    expect(kernelTime(0).ns).toBe(BOOT + 40e3);
  });
});
