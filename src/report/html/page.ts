import { createHash } from 'node:crypto';
import type { Difference } from '../../compare/result.js';
import type { Finding } from '../../explain/finding.js';
import type { PacketWalk } from '../../explain/walks/packetWalk.js';
import { escapeControls } from '../../source/text.js';
import type { RuleRow } from '../../compare/ruleRows.js';
import type { VerdictRow } from '../tables.js';
import { isoTime } from '../time.js';
import { plural, type VerdictSentence } from '../verdict.js';
import { DIFFERENCE_WORDS } from '../words.js';
import type { PageHead, TableName } from './data.js';
import { findingsMarkup } from './findings.js';
import { isAlike, type StandingLine } from './lines.js';
import { markup, type Markup, raw, scriptJson } from './markup.js';
import { firstPieces, type PieceTable, type PieceWriter, sizeOf, writePieces } from './pieces.js';
import { clientScript } from './script.js';
import { STYLE } from './style.js';
import { timeline } from './timeline.js';
import { pageWalk } from './walk.js';

/** What a page is made of: that of a comparison, or of a replay alone. */
export interface Page {
  readonly verdict: VerdictSentence;
  /** What was counted, each with its name. */
  readonly figures: readonly (readonly [string, number])[];
  /** ns since 1970 of capture time 0. */
  readonly epoch: bigint;
  /** In order of time. */
  readonly lines: readonly StandingLine[];
  /** Where nothing was held against a log, there is none. */
  readonly held: Held | null;
  readonly assumptions: readonly string[];
  readonly rules: readonly RuleRow[];
  /** Packets as they were written by `packetPieces`. */
  readonly packets: PieceTable;
  /** Those that found no room are left out, the last first. */
  readonly walks: Iterable<PacketWalk>;
  /** What was given, a line each. */
  readonly inputs: readonly string[];
}

/** What came of holding the lines against the host's log. */
export interface Held {
  readonly differences: readonly Difference[];
  readonly findings: readonly Finding[];
}

/** Bytes of a page, and of them what the elements around the pieces of its tables take. */
const MOST = 2_000_000;
const AROUND_PIECES = 8000;
/** What the packets leave to the others, where these need it; what they do not need is the packets' again. */
const LEFT_BY_PACKETS = 650_000;
/** How the others share it; the ways of packets, of which there are always more, take what is left in the end. */
const SHARES = { lines: 0.35, differences: 0.15, rules: 0.2 } as const;
const WALK_ROOM = { least: 50_000, most: 600_000 } as const;

/** Takes the packets while the replay runs: memory holds them as the page will. */
export function packetPieces(): PieceWriter<VerdictRow> {
  return writePieces<VerdictRow>(
    (p) => [
      p.frame,
      Math.round(p.time / 1000),
      p.interface,
      p.direction,
      p.src,
      p.dst,
      p.protocol,
      p.sport,
      p.dport,
      p.length,
      p.verdict,
      p.rule,
      changedEnds(p),
      p.logs,
      p.problem,
    ],
    MOST,
  );
}

/** `> 172.17.0.2:6379`: of the translated packet only what is another. */
function changedEnds({ nat, src, dst, sport, dport }: VerdictRow): string {
  const end = (address: string, port: number | null): string =>
    port === null ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const from = end(src, sport);
  const to = end(dst, dport);
  if (nat.startsWith(`${from} > `)) return nat.slice(from.length + 1);
  return nat.endsWith(` > ${to}`) ? nat.slice(0, -to.length - 1) : nat;
}

type Tables = Readonly<Record<TableName, PieceTable>>;

const NO_TABLE: PieceTable = { total: 0, pieces: [], encoded: [] };
const NO_TABLES: Tables = {
  packets: NO_TABLE,
  lines: NO_TABLE,
  differences: NO_TABLE,
  rules: NO_TABLE,
  walks: NO_TABLE,
};

/** @param room bytes that all may take together */
function tablesOf({ packets, lines, held, rules, walks }: Page, room: number): Tables {
  const shared = Math.max(LEFT_BY_PACKETS, room - sizeOf(packets));
  const others = {
    lines: linePieces(lines, shared * SHARES.lines),
    differences: differencePieces(held?.differences ?? [], shared * SHARES.differences),
    rules: rulePieces(rules, shared * SHARES.rules),
  };
  const left = room - sizeOf(others.lines) - sizeOf(others.differences) - sizeOf(others.rules);
  const first = firstPieces(packets, left - WALK_ROOM.least);
  return {
    packets: first,
    ...others,
    walks: walkPieces(walks, Math.min(left - sizeOf(first), WALK_ROOM.most)),
  };
}

/** The whole page: one file of less than 2 MB, which asks for nothing outside of itself. */
export function pageHtml(page: Page): string {
  const rest = Buffer.byteLength(withTables(page, NO_TABLES)) + AROUND_PIECES;
  return withTables(page, tablesOf(page, MOST - rest));
}

function withTables(page: Page, tables: Tables): string {
  const { verdict, lines, held, inputs } = page;
  const head: PageHead = {
    epoch: String(page.epoch),
    isHeld: held !== null,
    kinds: Object.fromEntries(Object.entries(DIFFERENCE_WORDS).map(([kind, { badge }]) => [kind, badge])),
    tables: headsOf(tables),
  };
  const script = clientScript();
  const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(STYLE)}; base-uri 'none'; form-action 'none'`;
  const end = lines.at(-1)?.time ?? 0;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>nfreplay: ${verdict.text}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>
<p class="brand">nfreplay</p>
<h1 class="${verdict.kind}">${verdict.text}</h1>
${summaryMarkup(page)}
<nav aria-label="Report">
${held ? markup`<a href="#findings">Findings</a> ` : null}<a href="#time-line">Time line</a>
<a href="#way">Way of a packet</a> ${held ? markup`<a href="#differences">Differences</a> ` : null}
<a href="#packets">Packets</a> <a href="#lines">Lines</a> <a href="#rules">Rules</a>
</nav>
</header>
<main id="main" tabindex="-1">
<noscript>
<p class="notice">
The tables of this page are inside it, compressed; a script of its own unpacks them, and scripts
are off. The CSV files beside the page hold the same.
</p>
</noscript>
${
  held
    ? markup`<section id="findings" aria-labelledby="findings-title">
<h2 id="findings-title">Findings</h2>
${findingsMarkup(held.findings, held.differences.length)}
</section>`
    : null
}
<section id="time-line" aria-labelledby="time-line-title">
<h2 id="time-line-title">Time line</h2>
${lines.length === 0 ? markup`<p>There are no log lines.</p>` : timeline(lines, end)}
<ul class="legend">
${(held ? HELD_LEGEND : LEGEND).map(([name, text]) => markup`<li><span class="swatch ${name}"></span>${text}</li>`)}
</ul>
</section>
<section id="way" aria-labelledby="way-title">
<h2 id="way-title">Way of a packet</h2>
<div id="way-body"></div>
</section>
${TABLES.filter(([name]) => held || name !== 'differences').map(
  ([name, title, note]) =>
    markup`<section id="${name}" aria-labelledby="${name}-title">
<h2 id="${name}-title">${title}</h2>
<p class="note">${note}</p>
<div data-table="${name}"></div>
</section> `,
)}
${assumptionsMarkup(page.assumptions)}
</main>
<footer>
<ul>
${inputs.map((input) => markup`<li>${escapeControls(input)}</li>`)}
</ul>
</footer>
<script type="application/json" id="head">${raw(scriptJson(head))}</script>
${Object.entries(tables).flatMap(([name, { encoded }]) =>
  encoded.map(
    (piece) =>
      markup`<script type="application/octet-stream" data-piece="${name}">${raw(piece)}</script>
`,
  ),
)}
<script>${raw(script)}</script>
</body>
</html>
`.html;
}

const LEGEND: readonly (readonly [string, string])[] = [
  ['alike', 'predicted'],
  ['lost', 'predicted, with a doubt'],
];

const HELD_LEGEND: readonly (readonly [string, string])[] = [
  ['alike', 'alike'],
  ['field-differs', 'a field differs'],
  ['only-simulated', 'only simulated'],
  ['only-on-the-host', 'only on the host'],
  ['lost', 'lost, not captured or undecidable'],
];

const TABLES: readonly (readonly [TableName, string, string])[] = [
  ['differences', 'Differences', 'Where the simulation and the host do not agree.'],
  ['packets', 'Packets', 'What became of each packet. Choose one to see its way.'],
  ['lines', 'Lines', 'The log lines that were predicted, and those that only the host has.'],
  [
    'rules',
    'Rules',
    "Packets and bytes that each rule counted, beside the host's own where they were given; rules that nothing matched are dimmed.",
  ],
];

function summaryMarkup({ figures, epoch, lines }: Page): Markup {
  const from = lines.length > 0 ? isoTime(epoch, 0) : '';
  return markup`<dl class="figures">
      ${figures.map(
        ([name, n]) =>
          markup`<div${n === 0 ? raw(' class="none"') : null}>
            <dt>${name}</dt>
            <dd>${n}</dd>
          </div>`,
      )}
    </dl>
    ${from === '' ? null : markup`<p class="note">The capture begins at ${from.slice(0, 19).replace('T', ' ')} UTC; times are from its beginning.</p>`}`;
}

function assumptionsMarkup(assumptions: readonly string[]): Markup | null {
  if (assumptions.length === 0) return null;
  return markup`<section id="assumptions" aria-labelledby="assumptions-title">
    <h2 id="assumptions-title">${assumptions.length} ${plural(assumptions.length, 'assumption')}</h2>
    <ul>
      ${assumptions.map((text) => markup`<li>${escapeControls(text)}</li>`)}
    </ul>
  </section>`;
}

function linePieces(lines: readonly StandingLine[], room: number): PieceTable {
  const writer = writePieces<StandingLine>(
    (l) => [Math.round(l.time / 1000), l.frame || null, l.rule, l.standing, l.text, l.remark],
    room,
  );
  // What is not alike must find room.
  const wrong = lines.filter((l) => !isAlike(l.standing)).slice(0, 2000);
  const kept = new Set(wrong);
  if (lines.length > 20_000) for (const line of wrong) writer.push(line);
  for (const line of lines) if (lines.length <= 20_000 || !kept.has(line)) writer.push(line);
  return writer.finish();
}

function differencePieces(differences: readonly Difference[], room: number): PieceTable {
  const writer = writePieces<Difference>(
    (d) => [
      Math.round(d.time / 1000),
      d.frame || null,
      d.kind,
      d.field,
      d.simulated,
      d.host,
      d.rule,
      d.finding === null ? null : d.finding + 1,
      d.reason,
      d.position && `${d.position.file}:${d.position.line}`,
    ],
    room,
  );
  for (const d of differences) writer.push(d);
  return writer.finish();
}

function rulePieces(rules: readonly RuleRow[], room: number): PieceTable {
  const writer = writePieces<RuleRow>(
    (r) => [r.address, r.packets, r.bytes, r.hostPackets, r.hostBytes, r.text],
    room,
  );
  for (const rule of rules) writer.push(rule);
  return writer.finish();
}

function walkPieces(walks: Iterable<PacketWalk>, room: number): PieceTable {
  const writer = writePieces<PacketWalk>((w) => [w.frame, JSON.stringify(pageWalk(w))], room);
  for (const walk of walks) writer.push(walk);
  return writer.finish();
}

function headsOf(tables: Tables): PageHead['tables'] {
  const head = ({ total, pieces }: PieceTable): PageHead['tables'][TableName] => ({ total, pieces });
  const { packets, lines, differences, rules, walks } = tables;
  return {
    packets: head(packets),
    lines: head(lines),
    differences: head(differences),
    rules: head(rules),
    walks: head(walks),
  };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
