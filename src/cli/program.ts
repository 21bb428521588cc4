import { Argument, Command, Option } from 'commander';
import { SHELLS } from './completion.js';
import { type Io, Unusable } from './io.js';
import { FORMATS } from './options.js';
import { createTerminal, type Terminal, type TerminalOptions } from './terminal.js';
import { version } from './version.js';

/** What a command does; it is loaded when it is called for. */
type Action<O extends TerminalOptions> = (
  args: readonly string[],
  options: O,
  terminal: Terminal,
) => Promise<number>;

/**
 * The command line as commander knows it.
 * @param done gets the exit status of the command that ran
 */
export function createProgram(io: Io, done: (status: number) => void): Command {
  const program = new Command('nfreplay')
    .description(
      'Replays captured packets through a simulated netfilter, and holds the log lines that it predicts against those of the host.',
    )
    .version(version(), '-V, --version')
    .helpOption('-h, --help', 'what a command does, with examples')
    .helpCommand('help [command]', 'the same')
    .showHelpAfterError('(add --help for what can be said here)')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();

  const add = (name: string, description: string, examples: readonly string[]): Command => {
    const command = program
      .command(name)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples.map((e) => `  $ nfreplay ${e}\n`).join('')}`);
    return command;
  };
  const act = <O extends TerminalOptions>(command: Command, load: () => Promise<Action<O>>): void => {
    withTerminal(command).action(async (...given: unknown[]) => {
      const options = command.opts<O>();
      const args = given
        .slice(0, -2)
        .flat()
        .filter((arg): arg is string => typeof arg === 'string');
      const run = await load();
      done(await run(args, options, createTerminal(io, options)));
    });
  };

  const replay = add('replay', 'simulate: what the host would log, count, track and send', [
    `replay ${DEMO_CAPTURE} --host ${DEMO_HOST}`,
    `replay ${DEMO_CAPTURE} --host ${DEMO_HOST} --out simulated`,
    `replay ${DEMO_CAPTURE} --host ${DEMO_HOST} --annotate explained.pcapng`,
    `replay ${DEMO_CAPTURE} --rules ${DEMO_HOST}/iptables-save.txt --addr 198.51.100.2/24@eth0`,
  ]);
  withReplay(withHost(replay.addArgument(captures()))).option(
    '--jobs <n>',
    'run the connections in so many threads, where nothing is common to all',
    jobs,
    1,
  );
  act(replay, async () => (await import('./commands/replay.js')).replay);

  const compare = add('compare', "simulate, and hold the predicted log lines against the host's", [
    `compare ${DEMO_CAPTURE} --host ${DEMO_HOST} --log ${DEMO_LOG}`,
    `compare ${DEMO_CAPTURE} --host ${DEMO_HOST} --log ${DEMO_LOG} --format json`,
    `compare ${DEMO_CAPTURE} --host ${DEMO_HOST} --log ${DEMO_LOG} --out report`,
  ]);
  withHost(compare.addArgument(captures()))
    .option(
      '--log <file...>',
      "the host's kernel log: dmesg, journalctl -k, syslog, as text or JSON, or a capture of NFLOG; - is standard input",
    )
    .option(
      '--most <n>',
      'differences that the text shows (default: 12, or what the screen has room for)',
      wholeNumber,
    )
    .option(
      '--search <seconds>',
      'most time to look for what explains differences; 0: do not look',
      wholeNumber,
      60,
    );
  withReplay(compare);
  act(compare, async () => (await import('./commands/compare.js')).compare);

  const why = add('why', 'why a rule fired, or did not', [
    `why filter:DOCKER-USER:1 ${DEMO_CAPTURE} --host ${DEMO_HOST}`,
    `why 'prefix:"AFTER PREROUTING: "' ${DEMO_CAPTURE} --host ${DEMO_HOST}`,
    `why --all ${DEMO_CAPTURE} --host ${DEMO_HOST}`,
    `why --packet 1 ${DEMO_CAPTURE} --host ${DEMO_HOST}`,
    `why 'tcp 203.0.113.5:4000 > 198.51.100.2:10000 in eth0' --host ${DEMO_HOST}`,
  ]);
  withHost(
    why
      .argument(
        '<rule>',
        'filter:FORWARD:3, ip6:filter:INPUT:1, filter:FORWARD:policy, prefix:"BEFORE FORWARD: " (the rule that logs it), or its text',
      )
      .argument(
        '[capture...]',
        'pcap or pcapng, plain, gzip or zstd; several are merged by time. Or packets in words, one after the other: ' +
          "'udp 203.0.113.5:4000 > 198.51.100.2:53 in eth0', then, where wanted, flags SYN,ACK, state ESTABLISHED, " +
          'mark 0x1, ttl 64, type 8/0, payload 100. Without a rule: the way of the packets',
      ),
  )
    .option('--all', 'every rule: how often it was reached and matched, and what kept it from it')
    .option('--packet <n>', 'the way of one packet of the captures through every rule', wholeNumber)
    .addOption(formatOption(['text', 'json']))
    .option('--brief', 'the answer, without what it rests on')
    .option('--no-try', 'do not try changes of the rule by replaying with them')
    .option('--seed <n>', 'seeds the choices that nothing tells', wholeNumber, 1);
  act(why, async () => (await import('./commands/why.js')).why);

  const rules = add('rules', 'show rules as iptables does; run a script of commands on an empty host', [
    `rules ${DEMO_HOST} -nL --line-numbers`,
    `rules ${DEMO_HOST} -t nat -S DOCKER`,
    `rules ${DEMO_HOST} --replay ${DEMO_CAPTURE} -nvL FORWARD`,
    `rules ${DEMO_HOST} --diff ${DEMO_HOST}-fixed --replay ${DEMO_CAPTURE}`,
  ]);
  rules
    .argument(
      '<file...>',
      'iptables-save or nft text, a script of iptables and ipset commands, or a host snapshot; then, if wanted, a CHAIN',
    )
    .option('-t, --table <name>', 'the table to show (default: filter; for --save, all)')
    .option('-L, --list', 'as iptables -L prints it (default)')
    .option('-S, --list-rules', 'as iptables -S prints it')
    .option('--save', 'as iptables-save -c prints it')
    .option('-n, --numeric', 'numbers for protocols, ports and addresses')
    .option('-v, --counters', 'with interfaces and counters')
    .option('-x, --exact', 'counters in full')
    .option('--line-numbers', 'with the number of each rule')
    .option('-4, --ipv4', 'the rules of iptables (default)')
    .option('-6, --ipv6', 'the rules of ip6tables')
    .option('--nft', 'the tables of nft, as nft list ruleset prints them (default where there are no others)')
    .option('--iptables-version <version>', 'print as this version of iptables does (default: 1.8.9)')
    .option('--replay <capture...>', 'replay these first, and show the counters after it')
    .option(
      '--diff <file...>',
      'what differs by meaning between the rules given first and these; with --replay, which packets fare differently',
    );
  withInterface(rules).addOption(formatOption()).option('--csv <file>', CSV);
  act(rules, async () => (await import('./commands/rules.js')).rules);

  const packets = add('packets', 'list what was decoded, frame by frame', [
    `packets ${DEMO_CAPTURE}`,
    `packets ${DEMO_CAPTURE} --host ${DEMO_HOST} --format csv`,
  ]);
  withInterface(packets.addArgument(captures()))
    .option('--host <dir>', 'a host snapshot, which names the interfaces')
    .addOption(formatOption())
    .option('--csv <file>', CSV);
  act(packets, async () => (await import('./commands/packets.js')).packets);

  const log = add('log', "read the kernel's LOG lines out of a log, field by field", [
    `log ${DEMO_LOG}`,
    `log ${DEMO_LOG} --format csv`,
  ]);
  log
    .argument(
      '<file...>',
      'dmesg, journalctl -k, syslog, ulogd, as text or JSON, plain, gzip or zstd; - is standard input',
    )
    .addOption(formatOption())
    .option('--csv <file>', CSV);
  act(log, async () => (await import('./commands/log.js')).log);

  const collecting = add('collect', 'print a script that makes a host snapshot, or run it here', [
    'collect > collect.sh',
    'collect --run snapshot',
  ]);
  collecting.option('--run <dir>', 'make the snapshot of this machine now, in a new directory');
  act(collecting, async () => (await import('./commands/collect.js')).collect);

  const live = add('live', "compare while it happens: capture here, and follow this machine's log", [
    'live -i eth0 --host snapshot',
    "live -i any --host snapshot --filter 'tcp port 443' --write kept.pcapng",
    'live -i eth0 -i docker0 --via tcpdump --host snapshot --log /var/log/kern.log',
  ]);
  withHostOnly(live)
    .requiredOption('-i, --interface <name>', 'the interface to capture on; any: all (repeatable)', collect)
    .option(
      '--log <journal|dmesg|file>',
      'the log to follow (default: the journal where there is one, else dmesg)',
    )
    .addOption(
      new Option(
        '--via <engine>',
        'cap: the npm package; tcpdump: exact times, counts of what was lost (default for any)',
      ).choices(['cap', 'tcpdump']),
    )
    .option('--filter <expression>', 'what to capture (pcap-filter)')
    .option('--snaplen <bytes>', 'bytes kept of each frame', wholeNumber)
    .option('--ring <MiB>', "the kernel's buffer for each interface", wholeNumber, 64)
    .option('--window <seconds>', 'how long a line may be late', wholeNumber, 2)
    .option('--duration <seconds>', 'end after that time; else Ctrl-C ends it', wholeNumber)
    .option('--write <file>', 'keep what is captured, as pcapng')
    .option(
      '--most <n>',
      'differences that the text shows at the end (default: 12, or what the screen has room for)',
      wholeNumber,
    )
    .option('--out <dir>', 'write the simulated host and the report into a directory')
    .option(
      '--search <seconds>',
      'time to look for what explains differences, for the report; 0: do not',
      wholeNumber,
      6,
    )
    .option('--csv <file>', CSV)
    .addOption(formatOption())
    .option('--seed <n>', 'seeds the choices that nothing tells', wholeNumber, 1);
  act(live, async () => (await import('./commands/live.js')).live);

  const lab = add(
    'lab',
    "give the same to this machine's own kernel, and hold the simulation against it (root)",
    [
      `lab ${DEMO_CAPTURE} --host ${DEMO_HOST}`,
      `lab ${DEMO_CAPTURE} --host ${DEMO_HOST} --speed 10 --format json`,
      `lab ${DEMO_CAPTURE} --rules ${DEMO_HOST}/iptables-save.txt --addr 198.51.100.2/24@eth0 --out report`,
    ],
  );
  withHost(lab.addArgument(captures()))
    .option('--speed <n>', "so many times the capture's own pace", factor, 1)
    .option(
      '--most <n>',
      'differences that the text shows (default: 12, or what the screen has room for)',
      wholeNumber,
    )
    .option('--search <seconds>', 'time to look for what explains differences; 0: do not', wholeNumber, 6);
  withReplay(lab);
  act(lab, async () => (await import('./commands/lab.js')).lab);

  const completion = add('completion', 'print what makes a shell complete the command line', [
    'completion bash > nfreplay.bash',
  ]);
  completion.addArgument(new Argument('<shell>', 'the shell').choices(SHELLS));
  act(completion, async () => (await import('./commands/completion.js')).completion);

  const man = add('man', 'print the manual page', ['man > nfreplay.1']);
  act(man, async () => (await import('./commands/man.js')).man);

  return program;
}

const DEMO_CAPTURE = 'captures/docker-published-port/any.pcap';
const DEMO_LOG = 'captures/docker-published-port/kernel.log';
const DEMO_HOST = 'rulesets/docker-published-port';

const CSV = 'write the table as CSV into a file; - is standard output';

function captures(): Argument {
  return new Argument(
    '[capture...]',
    'pcap or pcapng, plain, gzip or zstd; several are merged by time; - is standard input',
  );
}

function withTerminal(command: Command): Command {
  return command
    .addOption(
      new Option('--color <when>', 'colours in the report')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('-q, --quiet', 'errors only, no warnings and no progress')
    .option('--verbose', 'every warning; the stack of a defect');
}

function withHost(command: Command): Command {
  return withHostOnly(withInterface(command));
}

function withHostOnly(command: Command): Command {
  return command
    .option('--host <dir>', 'a host snapshot (nfreplay collect prints a script that makes one)')
    .option(
      '--rules <file...>',
      'iptables-save, nft or ipset save text, or a script of commands; takes the place of the same table of --host',
    )
    .option(
      '--addr <address>',
      'without a snapshot: an address of the host, as 198.51.100.2/24@eth0 (repeatable)',
      collect,
    )
    .option('--route <route>', 'a route, as "default via 198.51.100.1" (repeatable)', collect)
    .option(
      '--link <link>',
      'an interface, as docker0=bridge, vethc0@docker0 or eth0=02:00:00:00:01:01 (repeatable)',
      collect,
    )
    .option('--sysctl <setting>', 'a setting, as net.ipv4.ip_forward=0 (repeatable)', collect)
    .option('--socket <socket>', 'a listening socket, as tcp:22 or udp:192.0.2.1:53 (repeatable)', collect);
}

function withInterface(command: Command): Command {
  return command
    .option(
      '-i, --interface <name>',
      'the interface that the captures were made on, where they do not tell; FILE=NAME for one of them (repeatable)',
      collect,
    )
    .option(
      '--in <name=file>',
      'a capture of what came in by an interface, as eth0=in.pcap; it need not be named again (repeatable)',
      collect,
    )
    .option('--egress <name=file>', 'a capture of what left by an interface (repeatable)', collect);
}

function withReplay(command: Command): Command {
  return command
    .addOption(formatOption())
    .option('--csv <file>', CSV)
    .option('--out <dir>', 'write the simulated host and the report into a directory')
    .option(
      '--annotate <file.pcapng>',
      'write the captured packets again, each with what became of it as a comment',
    )
    .option('--seed <n>', 'seeds the choices that nothing tells', wholeNumber, 1);
}

function formatOption(formats: readonly string[] = FORMATS): Option {
  return new Option('--format <format>', 'form of the report').choices(formats).default('text');
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function factor(text: string): number {
  const value = Number(text);
  if (!/^\d{0,6}(\.\d{1,6})?$/.test(text) || !(value > 0))
    throw new Unusable(`not a number above 0: ${text}`);
  return value;
}

/** Threads; more than any machine has are a mistake. */
function jobs(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > 64) throw new Unusable(`not a number of threads from 1 to 64: ${text}`);
  return count;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Unusable(`not a whole number: ${text}`);
  return Number(text);
}
