import type { Loss } from './entry.js';

/** Words that every loss line has one of; a quick look before the patterns. */
const HINT = /[Ss]uppress|dropped|lost|Missed|lose|losing/;

/** The first group is the count. From the format strings of the programs named. */
const LOSSES: readonly (readonly [Loss['by'], RegExp])[] = [
  // kernel/printk/printk.c: consoles that could not keep up.
  ['printk', /^\*\* (\d+) printk messages? dropped \*\*/],
  // lib/ratelimit.c and net/core/utils.c: `net_ratelimit: 12 callbacks suppressed`, `printk: 5 messages suppressed`.
  ['ratelimit', /^\w+: (\d+) callbacks suppressed/],
  ['ratelimit', /^printk: (\d+) messages suppressed/],
  // systemd: journald-kmsg.c, journald-rate-limit and journald-server.
  ['journald', /^(?:systemd-journald?(?:\[\d+\])?: )?(?:\/dev\/kmsg buffer overrun, some messages lost)/],
  ['journald', /^(?:systemd-journald?(?:\[\d+\])?: )?Missed (\d+) kernel messages/],
  ['journald', /^(?:systemd-journald?(?:\[\d+\])?: )?Suppressed (\d+) messages from/],
  // rsyslog: imjournal, imuxsock, imklog.
  ['syslog', /^rsyslogd?(?:\[\d+\])?: .*?\b(\d+) messages? lost/],
  ['syslog', /^rsyslogd?(?:\[\d+\])?: .*?\blost (\d+) messages?/],
  ['syslog', /^rsyslogd?(?:\[\d+\])?: .*?\bbegin to drop messages/],
  // syslog-ng: `Number of dropped messages`, kernel source overruns.
  ['syslog', /^syslog-ng(?:\[\d+\])?: .*?\b(?:dropped|lost)\b/],
  ['ulogd', /^(?:ulogd(?:\[\d+\])?: )?We (?:are losing|lost some netlink) events/],
];

/** Reads a message that says that others were lost; undefined for all other messages. */
export function readLoss(text: string): Loss | undefined {
  for (const [by, pattern] of LOSSES) {
    const match = pattern.exec(text);
    if (match) return { by, count: match[1] === undefined ? null : Number(match[1]) };
  }
  return undefined;
}

/** Whether a raw line is worth a closer look: it may hold a LOG line, also in the words of ulogd, or tell of a loss. */
export function mayMatter(line: string): boolean {
  return line.includes('IN=') || line.includes('oob.') || HINT.test(line);
}
