import { parse } from '../../src/klog/parse.js';
import type { LogRecord } from '../../src/klog/record.js';

/** A line of the kernel's log: ns since boot and since the epoch, and the message. */
export interface Written {
  readonly kernel: bigint;
  readonly wall: bigint;
  readonly text: string;
}

const pad = (n: number | bigint, width: number, fill = '0'): string => String(n).padStart(width, fill);

/** `12.345678` */
function seconds(ns: bigint, width = 0): string {
  return `${pad(ns / 1_000_000_000n, width, ' ')}.${pad((ns % 1_000_000_000n) / 1000n, 6)}`;
}

function date(wall: bigint) {
  const at = new Date(Number(wall / 1_000_000n));
  const [weekday, day, month, year] = at.toUTCString().replace(',', '').split(' ');
  const clock = at.toISOString().slice(11, 19);
  const micros = pad((wall % 1_000_000_000n) / 1000n, 6);
  return {
    weekday,
    day: pad(Number(day), 2, ' '),
    month,
    year,
    clock,
    micros,
    ymd: at.toISOString().slice(0, 10),
  };
}

const bsd = (wall: bigint): string => {
  const { month, day, clock } = date(wall);
  return `${month} ${day} ${clock}`;
};
const iso = (wall: bigint, point = '.'): string => {
  const { ymd, clock, micros } = date(wall);
  return `${ymd}T${clock}${point}${micros}+00:00`;
};

/** The kernel's words of the packet, each once: the first of LEN and ID are those of IP. */
function wordsOf({ packet }: LogRecord): Map<string, string> {
  const words = new Map<string, string>();
  for (const [name, value] of packet?.tokens ?? []) {
    if (name === '[') break;
    const again = words.has(name) || (name === 'ID' && words.has('TYPE'));
    words.set(again ? `${name}2` : name === 'ACK' && value !== null ? 'ACKSEQ' : name, value ?? '');
  }
  return words;
}

const NUMBERS: Readonly<Record<string, string>> = {
  ICMP: '1',
  TCP: '6',
  UDP: '17',
  ESP: '50',
  AH: '51',
  ICMPv6: '58',
  UDPLITE: '136',
};

/** What ulogd 2.0.8 has of a packet, by the names of its keys. */
function ulogdFields({ text, wall }: Written): Map<string, string | number> {
  const record = parse(text)!;
  const words = wordsOf(record);
  const fields = new Map<string, string | number>([
    ['oob.prefix', record.prefix],
    ['oob.time.sec', Number(wall / 1_000_000_000n)],
    ['oob.time.usec', Number((wall % 1_000_000_000n) / 1000n)],
    ['oob.mark', record.mark ?? 0],
    ['oob.in', record.in],
    ['oob.out', record.out ?? ''],
  ]);
  const put = (key: string, word: string): void => {
    const value = words.get(word);
    if (value !== undefined) fields.set(key, Number(value));
  };
  const six = words.has('HOPLIMIT');
  fields.set('ip.protocol', Number(NUMBERS[words.get('PROTO') ?? ''] ?? words.get('PROTO')));
  if (six) {
    fields.set('ip6.payloadlen', Number(words.get('LEN')) - 40);
    put('ip6.hoplimit', 'HOPLIMIT');
  } else {
    fields.set('ip.tos', Number(words.get('TOS')) | Number(words.get('PREC')));
    put('ip.ttl', 'TTL');
    put('ip.totlen', 'LEN');
    put('ip.id', 'ID');
    const flag = (name: string, bit: number): number => (words.has(name) ? bit : 0);
    fields.set(
      'ip.fragoff',
      flag('CE', 0x8000) | flag('DF', 0x4000) | flag('MF', 0x2000) | Number(words.get('FRAG') ?? 0),
    );
  }
  const of = (words.get('PROTO') ?? '').toLowerCase();
  if (of === 'tcp' && words.has('WINDOW')) {
    fields.set('tcp.seq', Number(words.get('SEQ') ?? 1258488474));
    fields.set('tcp.ackseq', Number(words.get('ACKSEQ') ?? 0));
    put('tcp.window', 'WINDOW');
    for (const name of ['URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'])
      fields.set(`tcp.${name.toLowerCase()}`, words.has(name) ? 1 : 0);
    if (words.has('URG')) put('tcp.urgp', 'URGP');
  }
  put('udp.len', 'LEN2');
  put(`${of}.type`, 'TYPE');
  put(`${of}.code`, 'CODE');
  put(`${of}.echoid`, words.has('ID2') ? 'ID2' : six ? 'ID' : '-');
  if (of.startsWith('icmp')) put(`${of}.echoseq`, 'SEQ');
  return fields;
}

/** The addresses and ports, which GPRINT and JSON name differently. */
function ends({ text }: Written): [string, string, string | undefined, string | undefined, string] {
  const words = wordsOf(parse(text)!);
  return [
    words.get('SRC') ?? '',
    words.get('DST') ?? '',
    words.get('SPT'),
    words.get('DPT'),
    (words.get('PROTO') ?? '').toLowerCase(),
  ];
}

/** As PRINTPKT prints it: no inner packets, no options, sequence numbers always, `TOS=00` and the flags in its own order. */
function logemu(line: Written): string {
  const record = parse(line.text)!;
  const words = wordsOf(record);
  let text = `${record.prefix} IN=${record.in} OUT=${record.out ?? ''} MAC= `;
  for (const [name, value] of words) {
    if (['SEQ', 'ACKSEQ', 'RES', 'OPT'].includes(name) && words.get('PROTO') === 'TCP') continue;
    if (['ACK', 'PSH', 'RST', 'SYN', 'FIN', 'URG'].includes(name)) continue;
    if (name === 'URGP')
      for (const flag of ['URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN']) if (words.has(flag)) text += `${flag} `;
    const plain = name.replace(/2$/, '');
    if (name === 'WINDOW') text += 'SEQ=1258488474 ACK=0 ';
    const short = value.replace(/(^|:)0{1,3}/g, '$1').replace(/(?::0){2,7}(?=:|$)/, ':');
    if (['SRC', 'DST'].includes(name) && value.length === 39) text += `${name}=${short} `;
    else if (name === 'FRAG') text += `FRAG:${value} `;
    else if (name === 'TOS') text += `TOS=${value.slice(2)} `;
    else text += ['CE', 'DF', 'MF'].includes(name) ? `${name} ` : `${plain}=${value} `;
  }
  return `${text}MARK=0x${(record.mark ?? 0).toString(16)} `;
}

const journal = ({ text, kernel, wall }: Written): Record<string, string> => ({
  __CURSOR: 's=aa;i=1;b=bb;m=cc;t=dd;x=ee',
  __REALTIME_TIMESTAMP: String(wall / 1000n),
  __MONOTONIC_TIMESTAMP: String(kernel / 1000n),
  _BOOT_ID: '0123456789abcdef0123456789abcdef',
  _TRANSPORT: 'kernel',
  PRIORITY: '4',
  SYSLOG_IDENTIFIER: 'kernel',
  _HOSTNAME: 'fw',
  _SOURCE_MONOTONIC_TIMESTAMP: String(kernel / 1000n),
  MESSAGE: text,
});

const inner = ({ kernel, text }: Written): string => `[${seconds(kernel, 5)}] ${text}`;
const lines = (write: (line: Written, i: number) => string) => (log: readonly Written[]) =>
  log.map((line, i) => `${write(line, i)}\n`).join('');

/** Writes a kernel's log as each of the programs does that keep one. */
export const WRITERS: Readonly<Record<string, (log: readonly Written[]) => string>> = {
  dmesg: lines(inner),
  'dmesg -t': lines(({ text }) => text),
  'dmesg -T': lines(({ wall, text }) => {
    const { weekday, month, day, clock, year } = date(wall);
    return `[${weekday} ${month} ${day} ${clock} ${year}] ${text}`;
  }),
  'dmesg --time-format iso': lines(({ wall, text }) => `${iso(wall, ',')} ${text}`),
  'dmesg -x': lines((line) => `kern  :warn  : ${inner(line)}`),
  'dmesg -r': lines((line) => `<4>${inner(line)}`),
  'dmesg -J': (log) =>
    JSON.stringify(
      { dmesg: log.map(({ kernel, text }) => ({ pri: 4, time: Number(kernel) / 1e9, msg: text })) },
      null,
      3,
    ),
  'dmesg --color=always': lines(
    ({ kernel, text }) =>
      `\x1b[32m[${seconds(kernel, 5)}] \x1b[0m\x1b[33m${text.slice(0, 3)}\x1b[0m${text.slice(3)}`,
  ),
  'dmesg -T in German': lines(({ wall, text }) => {
    const { month, day, clock, year } = date(wall);
    return `[So ${month} ${day} ${clock} ${year}] ${text}`;
  }),
  'dmesg -T in French': lines(({ wall, text }) => {
    const { month, day, clock, year } = date(wall);
    return `[dim. ${month.toLowerCase()}. ${day} ${clock} ${year}] ${text}`;
  }),
  'dmesg, Windows line ends': lines((line) => `${inner(line)}\r`),
  'dmesg of a kernel with PRINTK_CALLER': lines(
    ({ kernel, text }) => `[${seconds(kernel, 5)}][    C1] ${text}`,
  ),
  'journalctl -o short-full': lines(({ wall, text }) => {
    const { weekday, ymd, clock } = date(wall);
    return `${weekday} ${ymd} ${clock} UTC fw kernel: ${text}`;
  }),
  'journalctl -o short-iso-precise': lines(({ wall, text }) => {
    const { ymd, clock, micros } = date(wall);
    return `${ymd}T${clock}.${micros}+0000 fw kernel: ${text}`;
  }),
  'journalctl -o short-delta': lines(
    ({ kernel, text }) => `[${seconds(kernel, 5)} <    0.000012 >] fw kernel: ${text}`,
  ),
  'busybox syslogd': lines((line) => `${bsd(line.wall)} fw kern.warn kernel: ${inner(line)}`),
  'OpenWrt logread': lines((line) => {
    const { weekday, month, day, clock, year } = date(line.wall);
    return `${weekday} ${month} ${day} ${clock} ${year} kern.warn kernel: ${inner(line)}`;
  }),
  RSYSLOG_SyslogProtocol23Format: lines((line) => `<4>1 ${iso(line.wall)} fw kernel - - -  ${inner(line)}`),
  'Kubernetes CRI log': lines(
    (line) => `${iso(line.wall).replace('+00:00', '000Z')} stdout F ${inner(line)}`,
  ),
  'Kubernetes CRI log without the kernel’s stamp': lines(
    ({ wall, text }) => `${iso(wall).replace('+00:00', '000Z')} stderr F ${text}`,
  ),
  'Fluent Bit kmsg, JSON lines': lines(({ kernel, wall, text }, i) =>
    JSON.stringify({
      date: Number(wall / 1000n) / 1e6,
      priority: 4,
      sequence: i,
      sec: Number(kernel / 1_000_000_000n),
      usec: Number((kernel / 1000n) % 1_000_000n),
      msg: text,
    }),
  ),
  'Fluent Bit, standard output': lines(
    ({ wall, text }, i) =>
      `[${i}] kmsg.0: [[${seconds(wall)}000, {}], {"priority"=>4, "msg"=>${JSON.stringify(text)}}]`,
  ),
  'Vector, from journald': lines(({ kernel, wall, text }) =>
    JSON.stringify({
      PRIORITY: '4',
      SYSLOG_IDENTIFIER: 'kernel',
      _SOURCE_MONOTONIC_TIMESTAMP: String(kernel / 1000n),
      host: 'fw',
      message: text,
      source_type: 'journald',
      timestamp: iso(wall).replace('+00:00', 'Z'),
    }),
  ),
  'journalctl -o short': lines(({ wall, text }) => `${bsd(wall)} fw kernel: ${text}`),
  'journalctl -o short-iso': lines(
    ({ wall, text }) => `${date(wall).ymd}T${date(wall).clock}+0000 fw kernel: ${text}`,
  ),
  'journalctl -o short-precise': lines(
    ({ wall, text }) => `${bsd(wall)}.${date(wall).micros} fw kernel: ${text}`,
  ),
  'journalctl -o short-unix': lines(({ wall, text }) => `${seconds(wall)} fw kernel: ${text}`),
  'journalctl -o short-monotonic': lines(({ kernel, text }) => `[${seconds(kernel, 5)}] fw kernel: ${text}`),
  'journalctl -o verbose': lines((line) => {
    const { weekday, ymd, clock, micros } = date(line.wall);
    const fields = Object.entries(journal(line)).filter(([name]) => !name.startsWith('__'));
    return [
      `${weekday} ${ymd} ${clock}.${micros} UTC [s=aa;i=1;b=bb;m=cc;t=dd;x=ee]`,
      ...fields.map(([name, value]) => `    ${name}=${value}`),
    ].join('\n');
  }),
  'journalctl -o json': lines((line) => JSON.stringify(journal(line))),
  'journalctl -o json-pretty': lines((line) => JSON.stringify(journal(line), null, 8)),
  'journalctl -o export': lines(
    (line) =>
      `${Object.entries(journal(line))
        .map(([name, value]) => `${name}=${value}`)
        .join('\n')}\n`,
  ),
  'journalctl -o cat': lines(({ text }) => text),
  '/dev/kmsg': lines(
    ({ kernel, text }, i) =>
      `4,${i},${kernel / 1000n},-;${text.replaceAll('\\', '\\x5c')}\n SUBSYSTEM=net\n DEVICE=+net:eth0`,
  ),
  'RFC 3164 with the kernel’s stamp': lines((line) => `${bsd(line.wall)} fw kernel: ${inner(line)}`),
  'RFC 3164 with a year': lines(({ wall, text }) => {
    const { month, day, year, clock } = date(wall);
    return `${month} ${day} ${year} ${clock} fw kernel: ${text}`;
  }),
  'rsyslog, control characters escaped': lines((line) => `${iso(line.wall)} fw kernel: ${line.text}#012`),
  'syslog-ng with facility and level': lines(
    ({ wall, text }) => `${bsd(wall)} fw kern.warning kernel: ${text}`,
  ),
  'syslog-ng JSON': lines(({ wall, text }) =>
    JSON.stringify({ PROGRAM: 'kernel', PRIORITY: 'warning', MESSAGE: text, HOST: 'fw', DATE: bsd(wall) }),
  ),
  'rsyslog JSON': lines(({ wall, text }) =>
    JSON.stringify({ timestamp: iso(wall), host: 'fw', program: 'kernel', message: text }),
  ),
  'RFC 5424': lines(({ wall, text }) => `<4>1 ${iso(wall)} fw kernel - - - ${text}`),
  netconsole: lines(inner),
  'extended netconsole': lines(({ kernel, text }, i) => `6.18.0,4,${i},${kernel / 1000n},-;${text}`),
  'Docker json-file': lines((line) =>
    JSON.stringify({
      log: `${inner(line)}\n`,
      stream: 'stdout',
      time: iso(line.wall).replace('+00:00', '000Z'),
    }),
  ),
  'Docker json-file without the kernel’s stamp': lines(({ wall, text }) =>
    JSON.stringify({ log: `${text}\n`, stream: 'stdout', time: iso(wall).replace('+00:00', '000Z') }),
  ),
  'ulogd LOGEMU': lines((line) => `${bsd(line.wall)} fw ${logemu(line)}`),
  'ulogd GPRINT': lines((line) => {
    const [source, destination, from, to, of] = ends(line);
    const fields = ulogdFields(line).set('ip.saddr.str', source).set('ip.daddr.str', destination);
    if (from !== undefined && to !== undefined) fields.set(`${of}.sport`, from).set(`${of}.dport`, to);
    return [...fields].map(([key, value]) => `${key}=${value}`).join(',');
  }),
  'ulogd JSON': lines((line) => {
    const [source, destination, from, to] = ends(line);
    const fields = ulogdFields(line).set('src_ip', source).set('dest_ip', destination);
    if (from !== undefined && to !== undefined)
      fields.set('src_port', Number(from)).set('dest_port', Number(to));
    return JSON.stringify({ timestamp: iso(line.wall).slice(0, 26), ...Object.fromEntries(fields) });
  }),
};

/** A recording's kernel.log, with the wall-clock time that its first line is said to have. */
export function readKernelLog(text: string, start: bigint): Written[] {
  const log: Written[] = [];
  let first: bigint | undefined;
  for (const line of text.split('\n')) {
    const match = /^\[ *(\d+)\.(\d{6})\] (.*)$/.exec(line);
    if (!match) continue;
    const kernel = BigInt(match[1]) * 1_000_000_000n + BigInt(match[2]) * 1000n;
    first ??= kernel;
    log.push({ kernel, wall: start + kernel - first, text: match[3] });
  }
  return log;
}
