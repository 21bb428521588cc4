import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asUlogdTells } from '../../src/klog/ulogd.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { readLog } from '../../src/observed/readLog.js';
import type { ObservedEntry } from '../../src/observed/entry.js';

/** Three packets that ulogd 2.0.8 wrote, each in three forms. */
const SAMPLES = new URL('ulogd/', import.meta.url);

/** What a LOG rule would have written of them, with all its options. */
const KERNEL = [
  'in all: IN=eth0 OUT= MAC=b2:db:87:99:6e:41:b6:35:3d:45:9a:ee:08:00 SRC=10.9.0.2 DST=10.9.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=37944 DF PROTO=TCP SPT=41786 DPT=81 SEQ=1258488474 ACK=0 WINDOW=64240 RES=0x00 SYN URGP=0 OPT (020405B40402080A) ',
  'out:IN= OUT=eth0 SRC=10.9.0.1 DST=10.9.0.2 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=TCP SPT=81 DPT=41786 WINDOW=0 RES=0x00 ACK RST URGP=0 ',
  'in6 IN=eth0 OUT= MAC=33:33:ff:00:00:01:b6:35:3d:45:9a:ee:86:dd SRC=fd09:0000:0000:0000:0000:0000:0000:0002 DST=ff02:0000:0000:0000:0000:0001:ff00:0001 LEN=72 TC=0 HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=135 CODE=0 ',
];

async function read(text: string): Promise<ObservedEntry[]> {
  const diagnostics = new Diagnostics();
  const entries: ObservedEntry[] = [];
  async function* whole(): AsyncGenerator<string> {
    yield await Promise.resolve(text);
  }
  const near = 1795326259n * 1_000_000_000n;
  for await (const entry of readLog({ file: 'log', text: whole() }, { near }, diagnostics))
    entries.push(entry);
  expect(diagnostics.list).toEqual([]);
  return entries;
}

describe('ulogd', () => {
  it.each(readdirSync(SAMPLES))('%s tells of the same packets as the kernel would', async (name) => {
    const entries = await read(readFileSync(new URL(name, SAMPLES), 'utf8'));
    expect(entries.map(({ by }) => by)).toEqual(['ulogd', 'ulogd', 'ulogd']);
    expect(entries.map(({ text }) => asUlogdTells(text))).toEqual(KERNEL.map(asUlogdTells));
    const [{ time }] = entries;
    expect(time.wall!.ns / 1_000_000_000n).toBe(1795326259n);
    expect(time.wall!.resolution).toBe(name === 'logemu.txt' ? 1e9 : 1000);
  });

  it.each([
    [{ 'oob.prefix': 'a,b=c: ' }, 'a,b=c: '],
    [{ 'oob.prefix': '' }, ''],
  ])('reads a prefix with what separates fields: %j', async (fields, prefix) => {
    const line = Object.entries({
      ...fields,
      'oob.in': 'eth0',
      'ip.saddr.str': '10.0.0.1',
      'ip.daddr.str': '10.0.0.2',
    })
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    const [{ record }] = await read(`${line}\n`);
    // GPRINT does not quote: what looks like a field's name begins a field.
    expect(prefix.startsWith(record!.prefix)).toBe(true);
    expect(record!.in).toBe('eth0');
  });

  it('is told from the kernel by its IPv6 addresses where nothing else is its own', async () => {
    const packet = 'LEN=72 TC=0 HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=135 CODE=0 MARK=0x5 ';
    const [entry] = await read(`Nov 22 05:44:56 fw in6  IN=eth0 OUT= SRC=fd09::2 DST=ff02::1 ${packet}\n`);
    expect([entry.by, entry.record!.prefix, entry.record!.mark]).toEqual(['ulogd', 'in6 ', 5]);
  });

  it('keeps all that ulogd tells, and the same again', () => {
    const kept = KERNEL.map(asUlogdTells);
    expect(kept.map(asUlogdTells)).toEqual(kept);
    expect(kept[0]).toBe(
      'in all: IN=eth0 OUT= SRC=10.9.0.2 DST=10.9.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=37944 DF PROTO=TCP SPT=41786 DPT=81 WINDOW=64240 SYN ',
    );
  });
});

describe("Proxmox' pve-firewall.log", () => {
  const ENDS = 'SRC=45.142.193.117 DST=75.37.49.10 LEN=40 TOS=0x00 PREC=0x00 TTL=236 ID=3448';

  it.each([
    [
      `102 6 tap102i0-IN 22/Feb/2025:12:43:32 -0600 policy DROP: IN=fwbr102i0 OUT=fwbr102i0 PHYSIN=fwln102i0 PHYSOUT=tap102i0 MAC=bc:24:11:ce:4e:11:28:74:f5:3a:22:71:08:00 ${ENDS} PROTO=TCP SPT=49743 DPT=8443 SEQ=1839537289 ACK=0 WINDOW=1024 SYN`,
      `:102:6:tap102i0-IN: policy DROP: IN=fwbr102i0 OUT=fwbr102i0 PHYSIN=fwln102i0 ${ENDS} PROTO=TCP SPT=49743 DPT=8443 WINDOW=1024 RES=0x00 SYN URGP=0 `,
    ],
    [
      `0 6 PVEFW-HOST-IN 22/Feb/2025:12:43:32 -0600 DROP: IN=vmbr0 PHYSIN=enp6s0 MAC=ff:ff:ff:ff:ff:ff:a8:80:55:69:9d:0d:08:00 ${ENDS} PROTO=UDP SPT=59729 DPT=6667 LEN=20`,
      `:0:6:PVEFW-HOST-IN: DROP: IN=vmbr0 OUT= ${ENDS} PROTO=UDP SPT=59729 DPT=6667 LEN=20 `,
    ],
  ])('tells of the packet as the kernel would, with the prefix of the rule: %s', async (line, kernel) => {
    const [entry] = await read(`${line}\n`);
    expect(entry.by).toBe('ulogd');
    expect(entry.time.wall?.ns).toBe(BigInt(Date.UTC(2025, 1, 22, 18, 43, 32)) * 1_000_000n);
    expect(asUlogdTells(entry.text)).toBe(asUlogdTells(kernel));
  });

  it('has lines of its logger, which are none of a packet', async () => {
    const started = '0 5 - 24/Jul/2025:15:53:00 +0200 starting pvefw logger';
    const packet = `0 6 PVEFW-HOST-IN 24/Jul/2025:15:53:01 +0200 DROP: IN=vmbr0 ${ENDS} PROTO=2`;
    const entries = await read(`${started}\n${packet}\n`);
    expect(entries.map(({ record }) => [record?.prefix, record?.in, record?.out])).toEqual([
      [':0:6:PVEFW-HOST-IN: DROP: ', 'vmbr0', ''],
    ]);
  });
});

describe('packet traces', () => {
  it.each([
    [
      'trace id ae6e9525 inet t in packet: iif "eth0" ip saddr 10.9.0.2 ip daddr 10.9.0.1 tcp dport 81 ',
      { id: 'ae6e9525', family: 'inet', table: 't', chain: 'in', kind: 'packet', verdict: null, rule: null },
    ],
    [
      'trace id ae6e9525 inet t user rule tcp dport 81 counter packets 0 bytes 0 log prefix "eighty-one " drop (verdict drop)',
      {
        id: 'ae6e9525',
        family: 'inet',
        table: 't',
        chain: 'user',
        kind: 'rule',
        verdict: 'drop',
        rule: 'tcp dport 81 counter packets 0 bytes 0 log prefix "eighty-one " drop',
      },
    ],
    [
      'trace id c0951150 inet t in rule jump user (verdict jump user)',
      { kind: 'rule', verdict: 'jump user', rule: 'jump user' },
    ],
    ['trace id bf6cd5e7 inet t in policy drop ', { kind: 'policy', verdict: 'drop', rule: null }],
    [
      'PACKET: 2 89f09ed5 IN=eth0 MACSRC=b6:35:3d:45:9a:ee MACDST=b2:db:87:99:6e:41 MACPROTO=0800 SRC=10.9.0.2 DST=10.9.0.1 LEN=60 TOS=0x0 TTL=64 ID=50993 DF SPORT=58138 DPORT=81 SYN ',
      { id: '89f09ed5', family: 'ip', table: null, chain: null, kind: 'packet', verdict: null, rule: null },
    ],
    [
      ' TRACE: 2 89f09ed5 filter:user:rule:0x6:DROP  -4 -t filter -A user -p tcp -m tcp --dport 81 -j DROP',
      {
        id: '89f09ed5',
        family: 'ip',
        table: 'filter',
        chain: 'user',
        kind: 'rule',
        verdict: 'DROP',
        rule: '-4 -t filter -A user -p tcp -m tcp --dport 81 -j DROP',
      },
    ],
    [
      ' TRACE: 2 89f09ed5 filter:INPUT:rule:0x4:JUMP:user  -4 -t filter -A INPUT -j user',
      { kind: 'rule', verdict: 'JUMP:user', rule: '-4 -t filter -A INPUT -j user' },
    ],
    [' TRACE: 2 e077fcb9 raw:PREROUTING:policy:ACCEPT ', { kind: 'policy', verdict: 'ACCEPT', rule: null }],
  ])('%s', async (line, step) => {
    const entries = await read(`${line}\n`);
    expect(entries).toEqual([expect.objectContaining({ record: null, text: line.trim() })]);
    expect(entries[0].trace).toMatchObject(step);
  });

  it('are not the TRACE lines that the kernel logs', async () => {
    const line = 'TRACE: raw:PREROUTING:policy:2 IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=40 PROTO=2 ';
    const [entry] = await read(`${line}\n`);
    expect(entry.trace).toBeUndefined();
    expect(entry.record!.prefix).toBe('TRACE: raw:PREROUTING:policy:2 ');
  });
});
