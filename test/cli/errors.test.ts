import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CAPTURE, HOST, LOG, scratch } from './examples.js';
import { run, transcript } from './run.js';

const whole = readFileSync(CAPTURE);
const save = readFileSync(`${HOST}/iptables-save.txt`, 'utf8');

/** Inputs as users hand them over, by name. */
const FILES: Readonly<Record<string, string | Uint8Array>> = {
  'cut.pcap': whole.subarray(0, 3000),
  'damaged.pcap': Buffer.concat([whole.subarray(0, 3000), Buffer.alloc(3000, 0xff)]),
  'no-packets.pcap': whole.subarray(0, 24),
  'half-a-header.pcap': whole.subarray(0, 11),
  'empty.pcap': '',
  'cut.pcap.gz': gzipSync(whole).subarray(0, 900),
  'notes.txt': 'capture on tuesday\n',
  'empty.log': '',
  'other.log': '[    1.000000] eth0: link up\n[    2.000000] usb 1-1: new device\n',
  'bad-line.rules': save.replace('--dport 10000 -j DROP', '--dport 10000x -j DROP'),
  'two-bad-lines.rules': save
    .replace('-j RETURN', '-j RETRUN')
    .replace('--ctstate RELATED', '--ctstat RELATED'),
  'unknown.rules': save.replace(
    '-A DOCKER-USER -j RETURN',
    '-A DOCKER-USER -m geoip --src-cc XX -j RETURN\n-A DOCKER-USER -m geoip --src-cc YY -j RETURN',
  ),
  'empty.rules': '',
  'bad.nft': 'table inet filter {\n\tchain input {\n\t\ttcp dprt 22 accept\n\t}\n}\n',
  'script.sh':
    '#!/bin/sh\niptables -A INPUT -p tcp --dport 22 -j ACCEPT\niptables -A NOSUCH -j DROP\niptables -S INPUT\n',
};

const COMMANDS: readonly (readonly [title: string, command: string])[] = [
  // Usage.
  ['an unknown command', 'frobnicate'],
  ['an unknown command that is nearly one', 'compair'],
  ['an unknown option', `replay ${CAPTURE} --hots ${HOST}`],
  ['an option without its value', `replay ${CAPTURE} --host`],
  ['a format that there is not', `replay ${CAPTURE} --host ${HOST} --format xml`],
  ['no capture', `replay --host ${HOST}`],
  ['the captures behind --rules', `replay --rules ${HOST}/iptables-save.txt ${CAPTURE}`],
  ['no rules', `replay ${CAPTURE}`],
  ['no log', `compare ${CAPTURE} --host ${HOST}`],
  ['standard input twice', `compare - --host ${HOST} --log -`],
  ['an address beside a snapshot', `replay ${CAPTURE} --host ${HOST} --addr 192.0.2.1/24@eth0`],
  ['an address that is none', `replay ${CAPTURE} --rules ${HOST}/iptables-save.txt --addr 192.0.2.1`],
  ['a seed that is no number', `replay ${CAPTURE} --host ${HOST} --seed x`],
  ['an interface for no capture', `replay ${CAPTURE} --host ${HOST} -i other.pcap=eth0`],
  ['a speed of nothing', `lab ${CAPTURE} --host ${HOST} --speed 0`],
  ['a lab without a host', `lab ${CAPTURE}`],
  // Files that are not there.
  ['a capture that is not there', `replay TMP/missing.pcap --host ${HOST}`],
  ['one of two captures that is not there', `replay ${CAPTURE} TMP/missing.pcap --host ${HOST}`],
  ['a snapshot that is not there', `replay ${CAPTURE} --host TMP/missing`],
  ['rules that are not there', `replay ${CAPTURE} --rules TMP/missing.rules`],
  ['a log that is not there', `compare ${CAPTURE} --host ${HOST} --log TMP/missing.log`],
  ['a directory as a capture', `replay ${HOST} --host ${HOST}`],
  ['several at once', 'replay TMP/missing.pcap --rules TMP/missing.rules'],
  // Captures.
  ['a capture that is cut', `compare TMP/cut.pcap --host ${HOST} --log ${LOG} --most 1 --search 0`],
  ['a capture that is damaged', `compare TMP/damaged.pcap --host ${HOST} --log ${LOG} --most 1 --search 0`],
  ['a capture without packets', `replay TMP/no-packets.pcap --host ${HOST}`],
  ['a capture with half a header', `replay TMP/half-a-header.pcap --host ${HOST}`],
  ['an empty capture', `replay TMP/empty.pcap --host ${HOST}`],
  ['a cut gzip', `packets TMP/cut.pcap.gz --csv -`],
  ['text as a capture', `replay TMP/notes.txt --host ${HOST}`],
  ['a log as a capture', `replay ${LOG} --host ${HOST}`],
  ['rules as a capture', `packets ${HOST}/iptables-save.txt`],
  // Logs.
  ['an empty log', `compare ${CAPTURE} --host ${HOST} --log TMP/empty.log`],
  ['an empty log beside a full one', `compare ${CAPTURE} --host ${HOST} --log TMP/empty.log ${LOG}`],
  ['a log without LOG lines', `compare ${CAPTURE} --host ${HOST} --log TMP/other.log --most 1 --search 0`],
  ['a capture as a log', `log ${CAPTURE}`],
  // Rules.
  ['a rule with an error', `compare ${CAPTURE} --host ${HOST} --rules TMP/bad-line.rules --log ${LOG}`],
  ['two rules with errors', 'rules TMP/two-bad-lines.rules -S DOCKER-USER'],
  ['an extension that is not known', 'rules TMP/unknown.rules -S DOCKER-USER'],
  ['an empty file of rules', `replay ${CAPTURE} --rules TMP/empty.rules`],
  ['text as rules', `replay ${CAPTURE} --rules TMP/notes.txt`],
  ['a capture as rules', `rules ${CAPTURE}`],
  ['an nft rule with an error', 'rules TMP/bad.nft'],
  ['a script with a command that fails', 'rules TMP/script.sh'],
  ['a chain that there is not', `rules ${HOST} NOSUCH`],
  ['a table that there is not', `rules ${HOST} -t raw`],
  // Output.
  ['a directory that cannot be made', `replay ${CAPTURE} --host ${HOST} --out TMP/notes.txt/out`],
  ['a table that cannot be written', `replay ${CAPTURE} --host ${HOST} --csv TMP/missing/lines.csv`],
];

describe('what is wrong is said in a clear sentence', () => {
  it('in every case', async () => {
    using temporary = scratch();
    for (const [name, content] of Object.entries(FILES)) temporary.file(name, content);
    let all = '';
    for (const [title, command] of COMMANDS) {
      const ran = await run(command.replaceAll('TMP', temporary.dir));
      expect(ran.status, title).toBeLessThan(3);
      expect(ran.stderr, title).not.toBe('');
      expect(ran.stderr, title).not.toMatch(/^\s+at .*\.[jt]s:\d+/m);
      all += `# ${title}\n${transcript(command, ran).replaceAll(temporary.dir, 'TMP')}\n`;
    }
    await expect(all).toMatchFileSnapshot('errors.txt');
  });
});

describe('a defect', () => {
  /** Breaks where no input can make it break. */
  const broken = (): Writable => {
    const stream = new Writable();
    stream.write = () => {
      throw new TypeError('cannot read the unreadable');
    };
    return stream;
  };

  it('is one line and the status 3', async () => {
    const { status, stderr } = await run(`packets ${CAPTURE}`, { stdout: broken() });
    expect(status).toBe(3);
    expect(stderr).toBe(
      'nfreplay: this is a defect of nfreplay, not of your input: TypeError: cannot read the unreadable\n' +
        '    --verbose shows where; please report it with the command and its input\n',
    );
  });

  it('shows its stack where that is asked for', async () => {
    const { status, stderr } = await run(`packets ${CAPTURE} --verbose`, { stdout: broken() });
    expect(status).toBe(3);
    expect(stderr).toMatch(/^ {4}at /m);
  });
});
