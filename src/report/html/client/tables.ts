/** The tables of the page; the places of their cells are those of src/report/html/page.ts. */
const DIFFERENCES: TableView = {
  name: 'differences',
  noun: ['difference', 'differences'],
  csv: 'differences.csv',
  rowClass: (row) => standingClass(kindOf(row)),
  choices: Object.entries(HEAD.kinds).map(([kind, title]) => ({
    title,
    test: (row) => row[2] === kind,
  })),
  columns: [
    { title: 'time', isNumber: true, show: (row) => timeCell(row[0]), text: (row) => secondsText(row[0]) },
    { title: 'packet', isNumber: true, show: (row) => frameCell(row[1]) },
    { title: 'kind', show: (row) => badge(kindOf(row)), text: kindOf },
    { title: 'what', show: whatDiffers },
    { title: 'rule', show: (row) => ruleCell(row[6]) },
    { title: 'finding', isNumber: true, show: (row) => countText(row[7]) },
    { title: 'reason', show: (row) => row[8] as string | null },
    { title: 'line of the log', show: (row) => row[9] as string | null },
  ],
};

/** Both values of a field, or the line that one side alone has. */
function whatDiffers(row: Row): Child {
  const [, , , field, simulated, host] = row;
  if (field === null) return codeCell(simulated ?? host);
  const value = (side: string, text: Cell): HTMLElement =>
    el('div', {}, `${side} `, el('code', {}, text === null ? 'none' : String(text)));
  return el('div', {}, el('strong', {}, String(field)), value('simulated', simulated), value('host', host));
}

const PACKETS: TableView = {
  name: 'packets',
  noun: ['packet', 'packets'],
  csv: 'packets.csv',
  rowClass: (row) => (/^(DROP|REJECT)/.test(String(row[10])) ? 'dropped' : ''),
  choices: [
    { title: 'dropped or rejected', test: (row) => /^(DROP|REJECT)/.test(String(row[10])) },
    { title: 'accepted', test: (row) => row[10] === 'ACCEPT' },
    { title: 'translated', test: (row) => row[12] !== '' },
    { title: 'logged', test: (row) => Number(row[13]) > 0 },
    { title: 'not decoded', test: (row) => row[14] !== '' },
  ],
  columns: [
    { title: 'packet', isNumber: true, show: (row) => frameCell(row[0]) },
    { title: 'time', isNumber: true, show: (row) => timeCell(row[1]), text: (row) => secondsText(row[1]) },
    { title: 'interface', show: (row) => el('span', { class: 'short' }, deviceOf(row)), text: deviceOf },
    { title: 'protocol', show: protocolOf, text: protocolOf },
    { title: 'source', show: (row) => codeCell(sourceOf(row)), text: sourceOf },
    { title: 'destination', show: (row) => codeCell(destinationOf(row)), text: destinationOf },
    { title: 'bytes', isNumber: true, show: (row) => countText(row[9]) },
    { title: 'verdict', show: (row) => (row[10] === '' ? null : verdictBadge(String(row[10]))) },
    { title: 'by', show: (row) => ruleCell(row[11]) },
    { title: 'after NAT', show: (row) => codeCell(translatedOf(row)) },
    { title: 'lines', isNumber: true, show: (row) => (row[13] === 0 ? null : countText(row[13])) },
    { title: 'problem', show: (row) => row[14] as string },
  ],
};

const LINES: TableView = {
  name: 'lines',
  noun: ['line', 'lines'],
  csv: HEAD.isHeld ? 'logs.csv and differences.csv' : 'logs.csv',
  rowClass: (row) => standingClass(String(row[3])),
  choices: HEAD.isHeld
    ? [
        { title: 'not alike', test: (row) => row[3] !== 'alike' },
        ...['alike', ...Object.values(HEAD.kinds)].map(withStanding),
      ]
    : ['predicted', 'doubtful'].map(withStanding),
  columns: [
    { title: 'time', isNumber: true, show: (row) => timeCell(row[0]), text: (row) => secondsText(row[0]) },
    { title: 'packet', isNumber: true, show: (row) => frameCell(row[1]) },
    { title: 'rule', show: (row) => ruleCell(row[2]) },
    { title: 'standing', show: (row) => badge(String(row[3])) },
    { title: 'line', show: (row) => codeCell(row[4]) },
    { title: 'remark', show: (row) => row[5] as string },
  ],
};

const RULES: TableView = {
  name: 'rules',
  noun: ['rule or policy', 'rules and policies'],
  csv: 'rules.csv',
  rowClass: (row) => (row[1] === 0 ? 'dead' : ''),
  choices: [
    { title: 'matched', test: (row) => Number(row[1]) > 0 },
    { title: 'never matched', test: (row) => row[1] === 0 },
    { title: 'counted otherwise by the host', test: (row) => row[3] !== null && row[3] !== row[1] },
  ],
  columns: [
    { title: 'rule', show: (row) => codeCell(row[0]) },
    { title: 'packets', isNumber: true, show: (row) => countText(row[1]) },
    { title: 'bytes', isNumber: true, show: (row) => countText(row[2]) },
    { title: 'host packets', isNumber: true, show: (row) => hostCell(row[3], row[1]) },
    { title: 'host bytes', isNumber: true, show: (row) => hostCell(row[4], row[2]) },
    { title: 'text', show: (row) => codeCell(row[5]) },
  ],
};

function kindOf(row: Row): string {
  return HEAD.kinds[String(row[2])];
}

function deviceOf(row: Row): string {
  return [row[2], row[3]].filter((part) => part !== '').join(' ');
}

function protocolOf(row: Row): string {
  return protocolText(row[6]);
}

function sourceOf(row: Row): string {
  return endText(row[4], row[7]);
}

function destinationOf(row: Row): string {
  return endText(row[5], row[8]);
}

/** `→ 172.17.0.2:6379`: the end that is another after translation. */
function translatedOf(row: Row): string {
  return String(row[12] ?? '').replace('>', '→');
}

function withStanding(title: string): Choice {
  return { title, test: (row) => row[3] === title };
}

function frameCell(frame: Cell): Child {
  return frame === null ? null : packetLink(Number(frame));
}

function ruleCell(address: Cell): Child {
  return address === null || address === '' ? null : ruleLink(String(address));
}

function codeCell(text: Cell): Child {
  return text === null || text === ''
    ? null
    : el('code', { class: String(text).length > 44 ? 'long' : 'short' }, String(text));
}

/** The host's counter, marked where it is another than the simulated one. */
function hostCell(host: Cell, simulated: Cell): Child {
  if (host === null) return null;
  if (host === simulated) return countText(host);
  return el('strong', { class: 'differs', title: 'not as simulated' }, `≠ ${countText(host)}`);
}

function badge(standing: string): HTMLElement {
  return el('span', { class: `badge ${standingClass(standing)}` }, standing);
}

function verdictBadge(verdict: string): HTMLElement {
  const kind = verdict === 'ACCEPT' ? 'alike' : /^(DROP|REJECT)/.test(verdict) ? 'only-simulated' : 'lost';
  return el('span', { class: `badge ${kind}` }, verdict);
}

function standingClass(standing: string): string {
  return standing.replaceAll(' ', '-');
}
