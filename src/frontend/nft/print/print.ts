import type { Family } from '../../../rules/model.js';
import type {
  Expression,
  KeyField,
  NftChain,
  NftFlowtable,
  NftObject,
  NftRule,
  NftRuleset,
  NftSet,
  NftTable,
  SetElement,
  Statement,
} from '../../../rules/nft/model.js';
import type { NftPrinter } from '../../../rules/nft/eval/load.js';
import { protocolName } from '../../../rules/protocols.js';
import { priorityText } from '../priorities.js';
import { printElement, printExpression, showingFor } from './printExpression.js';
import { printStatement, quotaText, rateText, type StatementValues } from './printStatement.js';
import { typeName } from '../read/sets.js';
import { formatTime } from '../time.js';

/** What changes while packets pass, as the running simulation has it. */
export interface NftValues extends StatementValues {
  /** What a set holds now, in the order in which it is to be listed. */
  elements(of: NftSet): readonly SetElement[];
}

/** The values that stand in the model itself: those of the text that was read. */
export const modelValues: NftValues = {
  counter: (of) => of,
  quotaUsed: (of) => of.used,
  lastUsed: (of) => of.used,
  elements: (of) => of.elements,
};

/** A ruleset as `nft list ruleset` of nft 1.0.6 prints it. */
export function printNft(ruleset: NftRuleset, values: NftValues = modelValues): string {
  return ruleset.tables.map((table) => printTable(table, values)).join('');
}

/** One table with what is in it. */
export function printTable(table: NftTable, values: NftValues = modelValues): string {
  const head: string[] = [];
  const flags = [...(table.dormant ? ['dormant'] : []), ...table.owned];
  if (flags.length > 0) head.push(`\tflags ${flags.join(',')}\n`);
  if (table.comment !== null) head.push(`\tcomment "${table.comment}"\n`);
  const blocks: string[] = [];
  for (const object of table.objects.values()) blocks.push(printObject(object, values));
  for (const set of table.sets.values()) blocks.push(printSet(set, table.family, values));
  for (const flowtable of table.flowtables.values()) blocks.push(printFlowtable(flowtable, table.family));
  const inRules: NftValues = {
    ...values,
    block: (name) => {
      const chain = table.chains.get(name);
      return chain?.isBound && printBound(chain, table.family, inRules);
    },
  };
  for (const chain of table.chains.values())
    if (!chain.isBound) blocks.push(printChain(chain, table.family, inRules));
  // A blank line parts the flags from what follows; a comment alone does not.
  const gap = flags.length > 0 && blocks.length > 0 ? '\n' : '';
  return `table ${table.family} ${table.name} {\n${head.join('')}${gap}${blocks.join('\n')}}\n`;
}

function printObject(object: NftObject, values: NftValues): string {
  const lines = object.comment === null ? [] : [`comment "${object.comment}"`];
  lines.push(...objectLines(object, values));
  return `\t${object.kind} ${object.name} {\n${lines.map((l) => `\t\t${l}\n`).join('')}\t}\n`;
}

function objectLines(object: NftObject, values: NftValues): string[] {
  switch (object.kind) {
    case 'counter': {
      const { packets, bytes } = values.counter(object);
      return [`packets ${packets} bytes ${bytes}`];
    }
    case 'quota':
      return [quotaText(object, values.quotaUsed(object))];
    case 'limit':
      return [rateText(object)];
    case 'secmark':
      return [`"${object.context}"`];
    case 'synproxy': {
      const lines: string[] = [];
      if (object.mss !== null) lines.push(`mss ${object.mss}`);
      if (object.wscale !== null) lines.push(`wscale ${object.wscale}`);
      // nft prints a blank after `timestamp` (obj_print_data(), src/rule.c).
      const flags = `${object.timestamp ? 'timestamp ' : ''}${object.sackPerm ? 'sack-perm' : ''}`;
      if (flags !== '') lines.push(flags);
      return lines;
    }
    case 'ct helper':
      return [
        `type "${object.helper}" protocol ${protocolName(object.protocol)}`,
        `l3proto ${object.l3proto}`,
      ];
    case 'ct timeout': {
      const policy = [...object.policy].map(([state, seconds]) => `${state} : ${seconds}`).join(', ');
      return [
        `protocol ${protocolName(object.protocol)}`,
        `l3proto ${object.l3proto}`,
        `policy = { ${policy} }`,
      ];
    }
    case 'ct expectation':
      return [
        `protocol ${protocolName(object.protocol)}`,
        `dport ${object.dport}`,
        `timeout ${formatTime(object.timeout)}`,
        `size ${object.size}`,
        `l3proto ${object.l3proto}`,
      ];
  }
}

/** How many elements stand on a line (`calculate_delim()`, src/expression.c). */
function perLine(key: readonly KeyField[]): number {
  if (key.length !== 1) return 1;
  switch (key[0].type) {
    case 'ipv4_addr':
    case 'ct_state':
    case 'ct_status':
    case 'pkt_type':
      return 2;
    case 'nf_proto':
    case 'iface_index':
    case 'inet_proto':
    case 'inet_service':
    case 'integer':
    case 'mark':
    case 'classid':
    case 'uid':
    case 'gid':
    case 'tcp_flag':
    case 'ct_dir':
    case 'arp_op':
      return 5;
    default:
      return 1;
  }
}

function fieldsText(fields: readonly KeyField[]): string {
  return fields.map((f) => typeName(f.type)).join(' . ');
}

function dataText(set: NftSet, print: (e: Expression) => string): string {
  if (!set.map || set.data === null) return '';
  const interval = set.dataInterval ? 'interval ' : '';
  if (typeof set.data === 'string') return ` : ${set.data}`;
  return ` : ${interval}${set.typeofData ? print(set.typeofData) : fieldsText(set.data)}`;
}

function printSet(set: NftSet, family: Family, values: NftValues): string {
  const statement = (s: Statement): string => printStatement(s, family, values);
  const print = (e: Expression): string => printExpression(e, statement);
  const lines = [
    `${set.typeofKey ? `typeof ${print(set.typeofKey)}` : `type ${fieldsText(set.key)}`}${dataText(set, print)}`,
  ];
  if (set.policy !== null) lines.push(`policy ${set.policy}`);
  if (set.size !== null) lines.push(`size ${set.size}`);
  // With a timeout of its own, a set needs no flag for it.
  const flags = set.flags.filter((f) => f !== 'timeout' || set.timeout === null);
  if (flags.length > 0) lines.push(`flags ${set.flags.join(',')}`);
  if (set.statements.length > 0) lines.push(set.statements.map((s) => templateText(s, statement)).join(' '));
  if (set.autoMerge) lines.push('auto-merge');
  if (set.timeout !== null) lines.push(`timeout ${formatTime(set.timeout)}`);
  if (set.gcInterval !== null) lines.push(`gc-interval ${formatTime(set.gcInterval)}`);
  if (set.comment !== null) lines.push(`comment "${set.comment}"`);
  const elements = values.elements(set);
  if (elements.length > 0) lines.push(`elements = { ${elementsText(set, elements, statement)} }`);
  return `\t${set.map ? 'map' : 'set'} ${set.name} {\n${lines.map((l) => `\t\t${l}\n`).join('')}\t}\n`;
}

/** What every element gets has no values of its own. */
function templateText(statement: Statement, print: (s: Statement) => string): string {
  return statement.kind === 'counter' ? 'counter' : print(statement);
}

function elementsText(
  set: NftSet,
  elements: readonly SetElement[],
  statement: (s: Statement) => string,
): string {
  const count = perLine(set.key);
  const showing = set.typeofKey === null ? {} : showingFor(set.typeofKey);
  let text = '';
  elements.forEach((element, i) => {
    if (i > 0) text += i % count === 0 ? ',\n\t\t\t     ' : ', ';
    text += printElement(element, statement, showing);
  });
  return text;
}

function printFlowtable(flowtable: NftFlowtable, family: Family): string {
  const lines = [`hook ingress priority ${priorityText(flowtable.priority, family, 'ingress')}`];
  if (flowtable.devices.length > 0) lines.push(`devices = { ${flowtable.devices.join(', ')} }`);
  if (flowtable.offload) lines.push('flags offload');
  if (flowtable.counter) lines.push('counter');
  return `\tflowtable ${flowtable.name} {\n${lines.map((l) => `\t\t${l}\n`).join('')}\t}\n`;
}

function printChain(chain: NftChain, family: Family, values: NftValues): string {
  let text = `\tchain ${chain.name} {\n`;
  if (chain.comment !== null) text += `\t\tcomment "${chain.comment}"\n`;
  if (chain.base) {
    const { type, hook, devices, priority, policy } = chain.base;
    const device =
      devices.length === 1
        ? ` device "${devices[0]}"`
        : devices.length > 1
          ? ` devices = { ${[...devices].sort().join(', ')} }`
          : '';
    text += `\t\ttype ${type} hook ${hook}${device} priority ${priorityText(priority, family, hook)}; policy ${policy};\n`;
  }
  for (const rule of chain.rules) text += `\t\t${printRule(rule, family, values)}\n`;
  return `${text}\t}\n`;
}

function printBound(chain: NftChain, family: Family, values: NftValues): string {
  const rules = chain.rules.map(
    (rule) => `\t\t\t${printRule(rule, family, values).replaceAll('\n', '\n\t')}\n`,
  );
  return `{\n${rules.join('')}\t\t}`;
}

/** A rule's statements and comment, on one line. */
export function printRule(rule: NftRule, family: Family, values: StatementValues = modelValues): string {
  const listed = rule.statements.flatMap((s): readonly Statement[] =>
    s.kind === 'match' && s.listedAs ? s.listedAs : [s],
  );
  const text = listed.map((s) => printStatement(s, family, values)).join(' ');
  return rule.comment === null ? text : `${text}${text === '' ? '' : ' '}comment "${rule.comment}"`;
}

/** How rules and statements are listed while nothing has passed them. */
export const nftPrinter: NftPrinter = {
  rule: (rule, family) => printRule(rule, family),
  statement: (statement, family) => printStatement(statement, family, modelValues),
};

const NO_STATEMENTS = (): string => '';

/** An element's key as text, by which it is found again. */
export function printElementKey(key: Expression): string {
  return printExpression(key, NO_STATEMENTS);
}
