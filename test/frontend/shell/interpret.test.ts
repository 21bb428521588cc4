import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpret } from '../../../src/frontend/shell/interpret.js';
import { readLines } from '../../../src/source/lines.js';

interface Ran {
  /** What was printed, and each call of `run` with its words between bars. */
  readonly out: string;
  readonly status: number;
  readonly said: string[];
}

/** As the real shell does it here: `run` prints its words, and what it reads where that is a pipe or a document. */
function here(script: string): Ran {
  let out = '';
  const said: string[] = [];
  const status = interpret(readLines(script, 'script'), {
    run({ words, input, output }) {
      const [name, ...rest] = words.map((word) => word.text);
      if (name !== 'run') return null;
      if (output === 'elsewhere') return 0;
      out += `|${rest.join('|')}|\n${input ? input.lines.map((line) => `<${line}\n`).join('') : ''}`;
      return rest[0] === 'fail' ? 3 : 0;
    },
    write: (stream, text) => (out += stream === 'stdout' ? text : ''),
    complain: (message, at) => said.push(`${at.line}:${at.column} ${message}`),
    assume: (message, at) => said.push(`${at.line}:${at.column} ${message}`),
    isOver: false,
  });
  return { out, status, said };
}

const RUN = `run() { printf '|'; [ $# = 0 ] && printf '|'; for w in "$@"; do printf '%s|' "$w"; done; echo
  [ -t 0 ] || while IFS= read -r line; do printf '<%s\\n' "$line"; done; [ "$1" = fail ] && return 3; return 0; }
`;

function inShell(script: string): { out: string; status: number | null } {
  const { stdout, status } = spawnSync('bash', ['-c', RUN + script], { encoding: 'utf8', input: '' });
  return { out: stdout, status };
}

const hasBash = spawnSync('bash', ['-c', ':']).status === 0;

describe('a script does what bash does with it', () => {
  it
    .skipIf(!hasBash)
    .each([
      'A=1; B="$A 2"; run $B "$B" \'$B\' ${A}x "$A"y \\$A',
      'L="22 80\t443"; for p in $L 8080; do run -p $p; done; run after $p',
      'for i in; do run never; done; for i in "a b" c; do for j in 1 2; do run "$i" $j; done; done',
      'f() { run "$1" "$#" "$@"; shift; run $1; }; f "a b" c; f x',
      'function g { local v=$1 w; v=${v}z; run $v $w; }; v=old; g new; run $v',
      'if [ 1 -lt 2 ]; then run yes; else run no; fi; if [ -z "" ] && [ a != b ]; then run both; fi',
      'if run fail; then run yes; elif [ x = x ]; then run elif; else run no; fi',
      'run fail || run other; run ok && run then; ! run fail && run negated; run fail && run never',
      'case eth0 in lo) run lo;; eth*|wlan?) run wired;; *) run any;; esac; case "a*" in "a*") run star;; esac',
      'case x in [a-c]) run 1;; [!a-c]) run 2;; esac; case ab in a) ;; esac',
      'i=0; while [ $i -lt 3 ]; do run $i; i=$((i+1)); done; until [ $i -eq 5 ]; do i=$(( i + 1 )); done; run $i',
      'for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; run $i; done',
      'X=${Y:-default} Z=${Y-none}; run $X $Z ${X:+there} ${Y:+gone} ${#X}; run ${Q:=set} $Q',
      'F=eth0.100; run ${F%.*} ${F#*.} ${F%%0*} ${F##*[.]}; P=/sbin/iptables; run ${P##*/}',
      'run $((2+3*4)) $(( (2+3)*4 )) $((7/2)) $((-7%3)); n=4; run $((n*2)) $(($n-1))',
      'n=3; run $((0x10|1)) $((n<<8)) $((~n&0xff)) $((n==3&&!0)) $((1<2||0)) $((010)) $((7^2)) $((n>=4)) $((-1>>1)) $((1+2<<3))',
      'run $(echo a b) "$(echo a b)" `echo c`; N=$(seq 1 3); for n in $N; do run $n; done; run $(seq 4 2 8)',
      'A=(22 80 "a b"); for p in "${A[@]}"; do run $p; done; A+=(443); run "${A[@]}" ${A[*]}',
      '{ run a; run b; } > /dev/null; X=0; ( X=1; run $X ); run "[$X]"',
      "run a <<E\nline $((1+1)) \\$x\nE\nrun b <<'E'\n$x\nE\nrun c <<-E\n\t\ttabs\n\tE",
      'echo "one two" | run piped; { echo "*filter"; for c in A B; do echo ":$c - [0:0]"; done; } | run restore',
      'x="-j DROP"; run -A INPUT \\\n  $x; run a; run b # comment\nrun "#" a#b',
      'f() { return 5; run never; }; f; run $?; g() { run fail; }; g || run failed',
      'set -- a "b c"; run $# "$2"; shift; run "$@"',
      'n=A; eval "$n=\'1 2\'"; run "$A"; eval run b \'$A\'; f() { eval "return 3"; run no; }; f; run $?; eval; run $?',
      'if ! run fail; then run negated; fi; [[ eth0 == eth* && -n x ]] && run pattern; [[ a == b || 1 -eq 1 ]] && run or',
      'set -e; run fail || true; if run fail; then :; fi; run fail; run never',
      'run a; exit 4; run b',
      'case $(echo start) in start) run started ;; esac; f() { case "$1" in stop) run stopping;; esac; }; f stop',
      'A=a; (A=b; run $A); run $A; B=x; B+=y; run $B; unset B; run "${B-unset}"',
      'test 3 -gt 2 && run gt; [ "" ] || run empty; [ a ] && run one; [ ! -n x ] || run not; [ 1 = 1 -a 2 = 2 ] && run and',
      'while read a b; do echo "$a,$b"; done <<E\n1 2 3\n  4\n\nE\nread x <<< "u v"; run $x; echo "p q" | while read y; do echo $y; done; IFS=,; L=a,b; run $L',
      'echo a; echo -n b; echo; echo "x  y" z >&2; run "a\nb"',
    ])('%s', (script) => {
    const real = inShell(script);
    expect(here(script)).toEqual({ ...real, said: [] });
  });
});

describe('what a script hangs on that nobody knows', () => {
  it.each([
    [
      'if [ -f /etc/firewall ]; then run a; else run b; fi; run c',
      '|c|\n',
      /^1:1 how this ends is not known/,
    ],
    ['[ -r /etc/x ] && run a; run b', '|b|\n', /^1:1 how this ends/],
    ['[ -x /sbin/iptables ] || exit 1; run b', '|b|\n', null],
    ['other || exit 1; run b', '|b|\n', null],
    ['IP=$(ip addr); run $IP; run b', '|b|\n', /^1:20 what `ip addr` prints is not known here: the command/],
    ['A=1; A=$(ip addr); run ${A:-2}; A=3; run $A', '|3|\n', /^1:24 what `ip addr` prints is not known here/],
    ['A=$(ip addr); run b', '|b|\n', null],
    ['A=$(ip addr); B=$(grep $A /x | sed s/a/b/); ls $A | run c; modprobe $B; run b', '|c|\n|b|\n', null],
    ['A=$(ip addr); run $((A+1)); run b', '|b|\n', /^1:19 what `ip addr` prints is not known here/],
    ['A=1; A=$1; [ -z "$A" ] && A=start; run $A', '|start|\n', null],
    ['log() { which mail && logger x; }; log; run b', '|b|\n', null],
    ['A=1; if [ -f x ]; then A=2; echo y; fi; run $A; run b', '|b|\n', /^1:45 \$A is not known here/],
    [
      'load() { for m in $(find /lib); do lsmod | grep $m && continue; modprobe $m; done; }; load; run b',
      '|b|\n',
      null,
    ],
    [
      'for m in $(find /lib); do run $m; done; run b',
      '|b|\n',
      /^1:10 what `find \/lib` prints is not known here/,
    ],
    ['[ -f x ] && A=$(run a); run b', '|b|\n', /^1:1 how this ends/],
    ['f() { [ -f x ] && return; run a; }; f', '|a|\n', /^1:7 how this ends/],
    ['for i in 1 2; do [ -f x ] && continue; run $i; done', '|1|\n|2|\n', /^1:18 how this ends/],
    ['while read x; do run $x; done < file; run b', '|b|\n', /^1:1 how this ends/],
    ['run $UNSET; run b', '|b|\n', /^1:5 \$UNSET is not set in this script/],
    ['run {1..3}; run b', '|b|\n', /^1:5 brace expansions are not followed/],
    ['run ${A/a/b}; run b', '|b|\n', /^1:5 \$\{A\/a\/b\} is not followed/],
    ['for ((i=0;i<3;i++)); do run $i; done; run b', '|b|\n', /^1:1 a loop of this kind/],
    ['((i++)); run b', '|b|\n', /^1:1 a sum is not followed/],
    [
      'run a\nif true; then\nrun b',
      '|a|\n',
      /the script ends within a structure: nothing from here on is run/,
    ],
    ['run a; done; run b', '|a|\n', /^1:8 unexpected done: nothing from here on is run/],
    ['while :; do :; done; run b', '', /^1:1 the script does too much: it ends here/],
    ['f() { f; }; f; run b', '|b|\n', /functions call each other too deeply/],
    ['case "$1" in stop) run b;; start|restart) run a;; esac', '|a|\n', /^1:1 .* called with start/],
  ])('%s', (script, out, message) => {
    const ran = here(script);
    expect(ran.out).toBe(out);
    if (message) expect(ran.said[0]).toMatch(message);
    else expect(ran.said).toEqual([]);
  });
});

describe('any script', () => {
  const word = fc.constantFrom('a', '$A', '"$A"', '$1', '"$@"', "'b c'", '${A:-d}', '$((1+2))', '$(echo e f)', '\\$', 'x"y"z'); // prettier-ignore
  const simple = fc.array(word, { maxLength: 4 }).map((words) => `run ${words.join(' ')}`);
  const truth = fc.constantFrom('true', 'false', '[ "$A" = a ]', '[ -n "$A" ]', 'run fail', '! true');
  const { list } = fc.letrec<{ list: string; piece: string }>((tie) => ({
    piece: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      simple,
      fc.tuple(fc.constantFrom('A=a', 'A="b c"', 'A=$A$A', 'set -- 1 "2 3"', 'f 1 2', 'f'), simple).map((p) => p.join('; ')), // prettier-ignore
      fc.tuple(truth, tie('list'), tie('list')).map(([c, a, b]) => `if ${c}; then ${a}; else ${b}; fi`),
      fc.tuple(truth, fc.constantFrom('&&', '||'), tie('piece')).map((p) => p.join(' ')),
      fc.tuple(word, tie('list')).map(([w, l]) => `for A in 1 ${w}; do ${l}; done`),
      fc
        .tuple(word, tie('list'))
        .map(([w, l]) => `case ${w} in a*) ${l};; "$A") run same;; *) run else;; esac`),
      tie('list').map((l) => `{ ${l}; }`),
      tie('list').map((l) => `( ${l} )`),
    ),
    list: fc.array(tie('piece'), { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join('\n')),
  }));

  it.skipIf(!hasBash)('of its pieces does what bash does with it', () => {
    fc.assert(
      fc.property(list, (text) => {
        const script = `A=start\nf() { run in "$@"; shift; run $#; }\nset -- one\n${text}`;
        expect(here(script)).toMatchObject(inShell(script));
      }),
      { numRuns: 60 },
    );
  });

  it('is run to its end without an exception', () => {
    const piece = fc.constantFrom('if', 'then', 'else', 'fi', 'for', 'in', 'do', 'done', 'case', 'esac', 'f()', '{', '}', '(', ')', ';;', ';', '\n', ' ', 'run', '$', '$(', '${', '$((', '))', '`', '"', "'", '\\', '|', '&&', '<<E', 'E', '>', 'A=', '[[', ']]', '((', '#', 'while', 'A=('); // prettier-ignore
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.constantFrom('', ' '),
        (pieces, between) => void here(pieces.join(between)),
      ),
      { numRuns: 3000 },
    );
  });
});
