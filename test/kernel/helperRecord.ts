/**
 * What the kernel has after a row, as text: its rules with counters, and its connections without timeouts.
 * @param saved as iptables-save -c prints it @param listed as conntrack -L -o extended does
 */
export function recorded(name: string, saved: string, listed: string): string {
  const rules = saved.split('\n').filter((line) => /^\[\d+:\d+\] -A /.test(line) && !line.includes('-j LOG'));
  const connections = listed.split('\n').filter((line) => line !== '');
  // Which table comes first is not the same everywhere.
  const byText = (a: string, b: string): number => (a.replace(/^\S+/, '') < b.replace(/^\S+/, '') ? -1 : 1);
  return [`== ${name}`, ...rules.sort(byText), ...connections.map(withoutTimes).sort(), ''].join('\n');
}

function withoutTimes(line: string): string {
  return line
    .replace(/^(ipv[46] +\d+ \w+ +\d+) \d+ /, '$1 ')
    .replace(/ use=\d+ *$/, '')
    .trimEnd();
}

/** The rows of such a text, by their names. */
export function readRecorded(text: string): Map<string, string> {
  const rows = text.split(/^(?=== )/m);
  return new Map(rows.filter((row) => row !== '').map((row) => [row.slice(3, row.indexOf('\n')), row]));
}

/** Rules as iptables-save prints them, from the commands that make them. */
export function rulesOf(commands: readonly string[]): string {
  const tables = new Map<string, string[]>([
    ['raw', []],
    ['filter', []],
  ]);
  for (const command of commands) {
    const [, table = 'filter', rule] = /^iptables-legacy(?: -t (\w+))? (-A .*)$/.exec(command) ?? [];
    if (rule === undefined) throw new Error(`not a rule: ${command}`);
    const rules = tables.get(table) ?? [];
    tables.set(table, rules);
    rules.push(rule);
  }
  return [...tables]
    .map(
      ([table, rules]) =>
        `*${table}\n${CHAINS[table].map((c) => `:${c} ACCEPT [0:0]\n`).join('')}${rules.join('\n')}\nCOMMIT\n`,
    )
    .join('');
}

const CHAINS: Record<string, readonly string[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};
