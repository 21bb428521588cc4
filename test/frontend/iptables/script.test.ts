import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printSave } from '../../../src/frontend/iptables/print.js';
import { runScript } from '../../../src/frontend/iptables/script.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';

interface Ran {
  readonly out: string[];
  readonly err: string[];
  readonly other: string[];
  readonly said: string[];
  readonly status: number;
  readonly lastFailure: number;
  /** The rules of all tables as -A lines. */
  readonly rules: string[];
}

function run(text: string): Ran {
  const streams = { stdout: '', stderr: '' };
  const other: string[] = [];
  const diagnostics = new Diagnostics();
  const result = runScript(
    text,
    'script',
    {
      write: (stream, words) => (streams[stream] += words),
      hasSet: (name) => name !== 'unknown',
      other(command) {
        const input = command.input ? ` <${command.input.lines.join('|')}` : '';
        other.push([command.name, ...command.arguments.map((w) => w.text)].join(' ') + input);
        return command.name === 'unknown' ? undefined : command.name === 'failing' ? 3 : 0;
      },
    },
    diagnostics,
  );
  const lines = (words: string): string[] => (words === '' ? [] : words.trimEnd().split('\n'));
  const saved = printSave(result.tables, 4, undefined, false) + printSave(result.tables, 6, undefined, false);
  return {
    out: lines(streams.stdout),
    err: lines(streams.stderr),
    other,
    said: diagnostics.list.map((d) => `${d.position?.line}:${d.position?.column} ${d.message}`),
    status: result.status,
    lastFailure: result.lastFailure?.status ?? 0,
    rules: saved.split('\n').filter((line) => line.startsWith('-A')),
  };
}

/** As programs write scripts for hosts that they do not know: tools looked for, modules loaded, addresses left to others. */
const GENERATED = `#!/bin/sh
MODPROBE="/sbin/modprobe"; LSMOD="/sbin/lsmod"; LOGGER="/usr/bin/logger"; IPTABLES="/sbin/iptables"
log() {
    echo "$1"
    command -v "$LOGGER" >/dev/null 2>&1 && $LOGGER -p info "$1"
}
load_modules() {
    DIRECTORY="/lib/modules/\`uname -r\`/kernel/net/"
    MODULES=$(find $DIRECTORY -name '*conntrack*' | sed -e 's/^.*\\///')
    echo $1 | grep -q nat && { MODULES="$MODULES $(find $DIRECTORY -name '*nat*')"; }
    for module in $MODULES; do
        if $LSMOD | grep $module >/dev/null; then continue; fi
        $MODPROBE $module || exit 1
    done
}
accept() { eval "PORTS=\\"\\$TCP_$1\\""; for port in $PORTS; do $IPTABLES -A INPUT -p tcp --dport $port -m mark --mark $((0x10 << $2)) -j ACCEPT; done; }
cmd=$1
test -z "$cmd" && { cmd="start"; }
case "$cmd" in
    start) log "begin"; load_modules "nat"; TCP_WEB="80 443"; accept WEB 4; $IPTABLES -P INPUT DROP;;
    stop) $IPTABLES -F;;
esac
`;

it('follows a script that a program wrote, and says nothing of what cannot change its rules', () => {
  const rule = (port: number): string =>
    `-A INPUT -p tcp -m tcp --dport ${port} -m mark --mark 0x100 -j ACCEPT`;
  expect(run(GENERATED)).toMatchObject({ rules: [rule(80), rule(443)], said: [], err: [], out: ['begin'] });
});

describe('what a script says in shell', () => {
  it.each([
    ['comments and blank lines', '#!/bin/sh\n\n  # x\niptables -A INPUT -j DROP # y\n', ['-A INPUT -j DROP']],
    ['lines that go on', 'iptables -A INPUT \\\n  -p tcp \\\n  -j DROP\n', ['-A INPUT -p tcp -j DROP']],
    [
      'quotes',
      `iptables -A 'INPUT' -m comment --comment "a 'b' \\"c\\""`,
      [`-A INPUT -m comment --comment "a \\'b\\' \\"c\\""`],
    ],
    [
      'a path and sudo',
      'sudo /sbin/iptables -A INPUT; /usr/sbin/ip6tables-legacy -A OUTPUT',
      ['-A INPUT', '-A OUTPUT'],
    ],
    [
      'variables',
      'IPT="/sbin/iptables -t filter"\nexport P=22\n$IPT -A INPUT -p tcp --dport ${P} -j DROP',
      ['-A INPUT -p tcp -m tcp --dport 22 -j DROP'],
    ],
    [
      'a variable in quotes stays one word',
      'C="a b"\niptables -A INPUT -m comment --comment "$C"',
      ['-A INPUT -m comment --comment "a b"'],
    ],
    [
      'several commands on a line',
      'iptables -N A; iptables -A A -j DROP && iptables -A INPUT -j A',
      ['-A INPUT -j A', '-A A -j DROP'],
    ],
    [
      'a check before an addition',
      'iptables -C INPUT -j DROP || iptables -A INPUT -j DROP\niptables -C INPUT -j DROP || iptables -A INPUT -j DROP',
      ['-A INPUT -j DROP'],
    ],
    ['! before a command', '! iptables -C INPUT -j DROP && iptables -A INPUT -j DROP', ['-A INPUT -j DROP']],
    ['a connector at the end of a line', 'iptables -N A &&\niptables -A A', ['-A A']],
    ['set -e', 'set -e\niptables -X NOPE || true\niptables -X NOPE\niptables -A INPUT', []],
    ['exit', 'iptables -A INPUT\nexit 4\niptables -A OUTPUT', ['-A INPUT']],
  ])('%s', (_what, script, rules) => {
    const ran = run(script);
    expect(ran.said).toEqual([]);
    expect(ran.rules).toEqual(rules);
  });

  it('keeps the statuses as the shell does', () => {
    expect(run('iptables -X NOPE\niptables -A INPUT -m nope\niptables -N A')).toMatchObject({
      status: 0,
      lastFailure: 2,
    });
    expect(run('iptables -t nope -L')).toMatchObject({ status: 3 });
    expect(run('iptables -N A\nexit 4')).toMatchObject({ status: 4 });
  });

  it('sends output where the script sends it', () => {
    const ran = run(
      'iptables -S >/dev/null\niptables -X NOPE 2>/dev/null\niptables -X NOPE 2>&1\necho hello >&2',
    );
    expect(ran.out).toEqual(['iptables: No chain/target/match by that name.']);
    expect(ran.err).toEqual(['hello']);
  });

  it('hands other commands over, with what they read', () => {
    const ran = run(
      "ipset create s hash:ip\nipset restore <<'E'\nadd s 1.2.3.4\nadd s $x\nE\nfailing || ip link",
    );
    expect(ran.other).toEqual([
      'ipset create s hash:ip',
      'ipset restore <add s 1.2.3.4|add s $x',
      'failing',
      'ip link',
    ]);
    expect(ran.said).toEqual([]);
  });

  it.each([
    ['if true; then', '1:14 the script ends within a structure: nothing from here on is run'],
    ['iptables -A $NOT_SET', '1:13 $NOT_SET is not set in this script: the command is not run'],
    ['iptables -A $(x)', '1:13 what `x` prints is not known here: the command is not run'],
    ['iptables -A "INPUT', '1:13 this quote is never closed'],
    ['iptables-restore <<E\n*filter', '1:20 the here-document that ends with E does not end'],
    [
      'iptables-restore < rules',
      '1:1 rules is not read: give the rules as a here-document, or as a file of their own',
    ],
    ['unknown x', '1:1 unknown is not run: only iptables, ip6tables, ipset and nft are known here'],
  ])('says what it cannot follow: %s', (script, message) => {
    expect(run(script).said).toContain(message);
  });
});

describe('what a rule names', () => {
  const NO_SET = "iptables v1.8.9 (legacy): Set unknown doesn't exist.";
  const rule = 'iptables -A INPUT -m set --match-set unknown src';
  it('is a set that ipset has made, unless something of the script was not run', () => {
    expect(run(rule)).toMatchObject({ status: 2, rules: [], err: [NO_SET, '', TRY] });
    for (const gap of ['unknown x', 'ipset create $(x) hash:ip', 'ipset create "$NOT_SET" hash:ip'])
      expect(run(`${gap}\n${rule}`)).toMatchObject({ rules: ['-A INPUT -m set --match-set unknown src'] });
  });
  it('is a label by its number: there is no connlabel.conf', () => {
    expect(run('iptables -A INPUT -m connlabel --label name')).toMatchObject({
      status: 2,
      err: ["iptables v1.8.9 (legacy): label 'name' not found or invalid value", TRY],
    });
  });
  it('is looked for where rules are restored, too', () => {
    const restore = (...rules: string[]): Ran =>
      run(['iptables-restore <<E', '*filter', ...rules, 'COMMIT', 'E'].join('\n'));
    const asks = '-A INPUT -m rateest --rateest a --rateest-gt --rateest-pps 3';
    const makes = '-A INPUT -j RATEEST --rateest-name a --rateest-interval 250ms --rateest-ewmalog 500ms';
    expect(restore(asks, makes).err).toEqual(['iptables-restore: line 4 failed']);
    expect(restore(makes, asks).rules).toHaveLength(2);
    expect(restore('-A INPUT -m connlabel --label 128').err).toEqual(['iptables-restore: line 3 failed']);
    expect(restore('-A INPUT -m set --match-set unknown src').err[0]).toContain("Set unknown doesn't exist.");
  });
});

const TRY = "Try `iptables -h' or 'iptables --help' for more information.";

describe('iptables-restore in a script', () => {
  const restore = (options: string, ...lines: string[]): string =>
    [`iptables-restore ${options} <<'E'`, ...lines, 'E', ''].join('\n');

  it('replaces a table, or with -n adds to it', () => {
    const before = 'iptables -A INPUT -j DROP\niptables -N OLD\n';
    const lines = ['*filter', ':NEW - [0:0]', '[7:8] -A NEW -j LOG', 'COMMIT'];
    expect(run(before + restore('', ...lines)).rules).toEqual(['-A NEW -j LOG']);
    expect(run(before + restore('-n', ...lines) + 'iptables -S')).toMatchObject({
      rules: ['-A INPUT -j DROP', '-A NEW -j LOG'],
      out: [
        '-P INPUT ACCEPT',
        '-P FORWARD ACCEPT',
        '-P OUTPUT ACCEPT',
        '-N NEW',
        '-N OLD',
        '-A INPUT -j DROP',
        '-A NEW -j LOG',
      ],
    });
  });

  it.each([
    [['*filter', '-A NOPE', 'COMMIT'], 1, ['iptables-restore: line 2 failed']],
    [['*filter', '-A INPUT'], 1, ['iptables-restore: COMMIT expected at line 3']],
    [['nothing'], 1, ['iptables-restore: line 1 failed']],
    [['*filter', '-A INPUT -j SNAT --to 1.2.3.4', 'COMMIT'], 1, ['iptables-restore: line 3 failed']],
    [
      ['*filter', '-A INPUT -j NOPE', 'COMMIT'],
      2,
      [
        "iptables-restore v1.8.9 (legacy): Couldn't load target `NOPE':No such file or directory",
        '',
        'Error occurred at line: 2',
        "Try `iptables-restore -h' or 'iptables-restore --help' for more information.",
      ],
    ],
  ])('changes nothing where a line is wrong: %j', (lines, status, err) => {
    expect(run('iptables -A INPUT -j DROP\n' + restore('', ...lines))).toMatchObject({
      status,
      err,
      rules: ['-A INPUT -j DROP'],
    });
  });
});

describe('any script', () => {
  const piece = fc.constantFrom(
    'iptables ',
    'ip6tables ',
    'iptables-restore ',
    'iptables-save ',
    'ipset ',
    '-A INPUT ',
    '-N A ',
    '-j A ',
    '-E A B ',
    '-X ',
    '-F ',
    '-t nat ',
    '-L ',
    '-S ',
    '-Z ',
    '-D INPUT 1 ',
    '-p tcp ',
    '--dport 1 ',
    '<<E\n',
    'E\n',
    '*filter\n',
    'COMMIT\n',
    '\n',
    ';',
    '&&',
    '||',
    '|',
    '&',
    '!',
    '"',
    "'",
    '\\',
    '$',
    '$A',
    '${A}',
    'A=$A$A',
    '`',
    '(',
    ')',
    '>',
    '2>&1',
    '<',
    '#',
    ' ',
    '\t',
    'if ',
    'exit ',
  );
  it('is run to its end without an exception', () => {
    const script = fc.oneof(
      fc.array(piece, { maxLength: 80 }).map((p) => p.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(script, (text) => void run(text)),
      { numRuns: 2000 },
    );
  });

  it('grows no text without bound', () => {
    const bomb = `A=${'a'.repeat(50)}\n${'A=$A$A\n'.repeat(60)}iptables -A $A\n`;
    expect(run(bomb).said[0]).toContain('makes the script too long');
  });
});
