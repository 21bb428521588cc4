/** Follows what the address names after `#`: a packet, a rule, or a stretch of time. */
function follow(way: WayControl, rules: TableControl, lines: TableControl): void {
  const [, kind, value] = /^#(packet|rule|time)=(.+)$/.exec(location.hash) ?? [];
  if (kind === 'packet') {
    const frame = Number(value);
    if (!Number.isSafeInteger(frame) || frame < 1) return;
    void way.show(frame).then(() => reveal('way'));
  } else if (kind === 'rule') {
    const address = decoded(value);
    const only = { title: `only ${address}`, test: (row: Row) => row[0] === address };
    void rules.narrow('', only).then(() => reveal('rules'));
  } else if (kind === 'time') {
    const [from, to] = value.split('-').map(Number);
    const title = `only ${secondsText(from)} to ${secondsText(to)} s`;
    const test = (row: Row): boolean => Number(row[0]) >= from && Number(row[0]) <= to;
    void lines.narrow('', { title, test }).then(() => reveal('lines'));
  }
}

/** Brings a section into view, for eyes and for screen readers. */
function reveal(section: string): void {
  const heading = byId(`${section}-title`);
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ block: 'start' });
}

/** On paper nothing can be opened: what is folded is open while the page is printed. */
function unfoldForPrint(): void {
  let folded: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details')].filter((d) => !d.open);
    for (const details of folded) details.open = true;
  });
  addEventListener('afterprint', () => {
    for (const details of folded) details.open = false;
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function start(): Promise<void> {
  const packets = openTable('packets');
  showTable(packets, PACKETS);
  if (HEAD.isHeld) showTable(openTable('differences'), DIFFERENCES);
  const lines = showTable(openTable('lines'), LINES);
  const rules = showTable(openTable('rules'), RULES);
  const way = await showWay(openTable('walks'), packets);
  unfoldForPrint();
  addEventListener('hashchange', () => follow(way, rules, lines));
  follow(way, rules, lines);
  document.documentElement.dataset.ready = 'yes';
}

void start();
