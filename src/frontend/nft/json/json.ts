import type { Diagnostics } from '../../../source/diagnostic.js';
import { Diagnostics as Collected } from '../../../source/diagnostic.js';
import type { NftRuleset } from '../../../rules/nft/model.js';
import {
  elementText,
  expressionText,
  isObject,
  quotaJsonText,
  quoted,
  rateJsonText,
  statementText,
  synProxyJsonText,
} from './jsonText.js';
import { tellLosses } from './losses.js';
import { parseNft } from '../read/parse.js';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads what `nft -j list ruleset` prints (libnftables-json(5)). Diagnostics name the rule, for JSON on one line has no
 * place worth showing; text that is no JSON is reported with its line and column.
 * @param listed as of `parseNft`
 */
export function parseNftJson(
  text: string,
  file: string,
  diagnostics: Diagnostics,
  listed = false,
): NftRuleset {
  const items = readItems(text, file, diagnostics);
  tellLosses(items, file, diagnostics);
  const collected = new Collected();
  const ruleset = parseNft(rulesetText(items), file, collected, undefined, listed);
  for (const d of collected.list) {
    const line =
      d.lineText === undefined
        ? ''
        : ` in: ${d.lineText
            .replace(/# handle \d+$/, '')
            .trim()
            .slice(0, 200)}`;
    diagnostics.list.push({
      severity: d.severity,
      message: `${file}: ${d.message}${line}`,
      ...(d.advice === undefined ? {} : { advice: d.advice }),
    });
  }
  return ruleset;
}

function readItems(text: string, file: string, diagnostics: Diagnostics): readonly unknown[] {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : '');
    const before = text.slice(0, at ? Number(at[1]) : 0).split('\n');
    diagnostics.error('this is no JSON', {
      position: { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 },
      lineText: text.split('\n', before.length)[before.length - 1] ?? '',
    });
    return [];
  }
  const list = isObject(root) ? root.nftables : undefined;
  if (Array.isArray(list)) return list as unknown[];
  diagnostics.error('there is no list "nftables" in this JSON', { position: { file, line: 1, column: 1 } });
  return [];
}

const OBJECT_KINDS: readonly string[] = [
  'counter',
  'quota',
  'limit',
  'secmark',
  'synproxy',
  'ct helper',
  'ct timeout',
  'ct expectation',
];

/** The ruleset in the text's grammar, one line a thing; commands like `{ "add": { … } }` stand for what they add. */
export function rulesetText(items: readonly unknown[]): string {
  const lines: string[] = [];
  const filled = filledSets(items);
  for (const item of items) {
    if (!isObject(item)) continue;
    const own = isObject(item.add) ? item.add : isObject(item.create) ? item.create : item;
    for (const [kind, content] of Object.entries(own)) {
      if (!isObject(content) || kind === 'metainfo') continue;
      const line = itemText(kind, content, filled);
      if (line !== undefined) lines.push(line);
    }
  }
  return lines.map((l) => `${l}\n`).join('');
}

function family(o: JsonObject): string {
  return typeof o.family === 'string' && /^\w+$/.test(o.family) ? o.family : 'ip';
}

function handle(o: JsonObject): string {
  return typeof o.handle === 'number' ? ` # handle ${o.handle}` : '';
}

function itemText(kind: string, o: JsonObject, filled: ReadonlySet<string>): string | undefined {
  const place = `${family(o)} ${quoted(o.table)} ${quoted(o.name)}`;
  switch (kind) {
    case 'table': {
      const given = Array.isArray(o.flags) ? (o.flags as unknown[]) : [o.flags];
      // nft 1.0.6 prints the first letter alone.
      const flags = ['dormant', 'owner', 'persist'].filter((f) => given.includes(f) || given.includes(f[0]));
      const listed = flags.length > 0 ? `flags ${flags.join(',')};` : '';
      const comment = o.comment === undefined ? '' : `comment ${quoted(o.comment)};`;
      return `table ${family(o)} ${quoted(o.name)} {${handle(o)}\n${listed}\n${comment}\n}`;
    }
    case 'chain':
      return `add chain ${place} {${handle(o)}\n${chainText(o)}\n}`;
    case 'rule': {
      const expressions = Array.isArray(o.expr) ? o.expr : [];
      const comment = o.comment === undefined ? '' : ` comment ${quoted(o.comment)}`;
      const text = expressions.map((e) => statementText(e)).join(' ');
      return `add rule ${family(o)} ${quoted(o.table)} ${quoted(o.chain)} ${text}${comment}${handle(o)}`;
    }
    case 'set':
    case 'map':
      return `add ${kind} ${place} {${handle(o)}\n${setLines(kind, o, filled).join('\n')}\n}`;
    case 'flowtable': {
      const devices = listText(o.dev, (d) => quoted(d), ', ');
      return `add flowtable ${place} { hook ingress priority ${priority(o.prio)}; ${devices === '' ? '' : `devices = { ${devices} };`} }`;
    }
    case 'element':
      return `add element ${place} { ${listText(o.elem, (e) => elementText(e), ', ')} }`;
    default:
      return OBJECT_KINDS.includes(kind) ? `add ${kind} ${place} {\n${objectText(kind, o)}\n}` : undefined;
  }
}

function listText(value: unknown, one: (v: unknown) => string, separator: string): string {
  const items = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  return items.map(one).join(separator);
}

function priority(value: unknown): string {
  return typeof value === 'number' ? String(value) : '?';
}

function chainText(o: JsonObject): string {
  const comment = o.comment === undefined ? '' : `comment ${quoted(o.comment)};`;
  if (o.type === undefined) return comment;
  const devices = o.dev === undefined ? '' : ` devices = { ${listText(o.dev, (d) => quoted(d), ', ')} }`;
  const policy = o.policy === 'drop' ? ' policy drop;' : '';
  return `type ${plain(o.type)} hook ${plain(o.hook)}${devices} priority ${priority(o.prio)};${policy}${comment}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' && /^[\w-]+$/.test(value) ? value : '?';
}

function typeText(value: unknown): string {
  if (isObject(value) && 'typeof' in value) return `typeof ${expressionText(value.typeof)}`;
  return `type ${typeNames(value)}`;
}

function typeNames(value: unknown): string {
  const names = Array.isArray(value) ? value : String(typeof value === 'string' ? value : '?').split(' . ');
  return names.map((n) => (typeof n === 'string' && /^[\w ]+$/.test(n) ? n : '?')).join(' . ');
}

function setKey(o: JsonObject, name: unknown): string {
  return JSON.stringify([family(o), o.table, name]);
}

/** The sets and maps that rules add to. */
function filledSets(items: readonly unknown[]): ReadonlySet<string> {
  const filled = new Set<string>();
  for (const item of items) {
    const rule = isObject(item) && isObject(item.rule) ? item.rule : undefined;
    for (const statement of rule && Array.isArray(rule.expr) ? (rule.expr as unknown[]) : []) {
      const update = isObject(statement) ? (statement.set ?? statement.map) : undefined;
      if (!rule || !isObject(update)) continue;
      const name = typeof update.set === 'string' ? update.set : update.map;
      if (typeof name === 'string') filled.add(setKey(rule, name.replace(/^@/, '')));
    }
  }
  return filled;
}

/**
 * nft 1.0.6 leaves the flag `dynamic` out of its JSON. What rules add to has it, what has statements for its elements
 * too, and else a size is what one gives to a set that is to be filled.
 */
function isDynamic(o: JsonObject, filled: ReadonlySet<string>): boolean {
  if (filled.has(setKey(o, o.name))) return true;
  const flags = Array.isArray(o.flags) ? o.flags : [o.flags];
  const fixed = flags.includes('interval') || flags.includes('constant') || o.elem !== undefined;
  return typeof o.size === 'number' && !fixed;
}

function setLines(kind: string, o: JsonObject, filled: ReadonlySet<string>): string[] {
  const data =
    kind === 'map'
      ? ` : ${isObject(o.map) && 'typeof' in o.map ? expressionText(o.map.typeof) : typeNames(o.map)}`
      : '';
  const lines = [`${typeText(o.type)}${data}`];
  const written = listText(o.flags, plain, ',');
  const dynamic = isDynamic(o, filled) && !written.includes('dynamic');
  const flags = [written, dynamic ? 'dynamic' : ''].filter((f) => f !== '').join(',');
  if (flags !== '') lines.push(`flags ${flags}`);
  if (o.policy !== undefined) lines.push(`policy ${plain(o.policy)}`);
  if (typeof o.size === 'number') lines.push(`size ${o.size}`);
  if (typeof o.timeout === 'number') lines.push(`timeout ${o.timeout}s`);
  if (typeof o['gc-interval'] === 'number') lines.push(`gc-interval ${o['gc-interval']}s`);
  if (o['auto-merge'] === true) lines.push('auto-merge');
  if (o.comment !== undefined) lines.push(`comment ${quoted(o.comment)}`);
  for (const statement of Array.isArray(o.stmt) ? o.stmt : []) lines.push(statementText(statement));
  const elements = listText(o.elem, (e) => elementText(e), ', ');
  if (elements !== '') lines.push(`elements = { ${elements} }`);
  return lines;
}

function objectText(kind: string, o: JsonObject): string {
  const comment = o.comment === undefined ? '' : `comment ${quoted(o.comment)}\n`;
  const number = (v: unknown): string => (typeof v === 'number' ? String(v) : '?');
  const l3proto = o.l3proto === undefined ? '' : `\nl3proto ${plain(o.l3proto)}`;
  switch (kind) {
    case 'counter':
      return `${comment}packets ${number(o.packets)} bytes ${number(o.bytes)}`;
    case 'quota':
      return `${comment}${quotaJsonText(o)}`;
    case 'limit':
      return `${comment}${rateJsonText(o)}`;
    case 'secmark':
      return `${comment}${quoted(o.context)}`;
    case 'synproxy':
      return `${comment}${synProxyJsonText(o)}`;
    case 'ct helper':
      return `${comment}type ${quoted(o.type)} protocol ${plain(o.protocol)}${l3proto}`;
    case 'ct timeout': {
      const states = isObject(o.policy)
        ? Object.entries(o.policy).map(([k, v]) => `${plain(k)} : ${number(v)}`)
        : [];
      return `${comment}protocol ${plain(o.protocol)}${l3proto}\npolicy = { ${states.join(', ')} }`;
    }
    default:
      return `${comment}protocol ${plain(o.protocol)}\ndport ${number(o.dport)}\ntimeout ${number(o.timeout)}ms\nsize ${number(o.size)}${l3proto}`;
  }
}
