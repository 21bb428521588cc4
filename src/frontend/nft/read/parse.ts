import type { Diagnostics } from '../../../source/diagnostic.js';
import {
  type KeyField,
  type NftChain,
  type NftRuleset,
  type NftTable,
  objectKey,
  type ObjectType,
} from '../../../rules/nft/model.js';
import { RuleContext } from '../context.js';
import { readBase } from './baseChain.js';
import { readElements } from './expressions.js';
import { placeOf, positionOf, type Token } from './lexer.js';
import { readFlowtable, readObject, takeObjectType } from './objects.js';
import { type Include, preprocess } from './preprocess.js';
import { checkReferences } from './references.js';
import { flush, remove } from './removal.js';
import { handleAt, readRule } from './rules.js';
import { addElements, fillSets, orderElements, readSet } from './sets.js';
import { Refusal, reportRefusal, TokenStream } from './stream.js';
import { Workspace } from './workspace.js';

/**
 * Reads a ruleset as `nft -f` does: blocks as `nft list ruleset` prints them, commands, definitions. What is wrong is
 * reported with its place and the rest is read on; a rule that cannot be read stays as an unknown statement.
 * @param include gives the files that `include` names; without it they are reported as missing
 * @param listed whether the kernel's ruleset was listed so, not written by hand: a plain `reject` is then no rule's own
 *   ICMP, which nft lists with its name, but that of icmpx
 */
export function parseNft(
  text: string,
  file: string,
  diagnostics: Diagnostics,
  include?: Include,
  listed = false,
): NftRuleset {
  const ruleset: NftRuleset = { tables: [] };
  const looksMade = MADE_BY_IPTABLES.test(text);
  const { tokens, warnings } = preprocess(text, file, diagnostics, include, listed || looksMade);
  if (warnings.length > 0)
    diagnostics.warning('these tables were made by iptables-nft', {
      ...placeOf(warnings[0]),
      advice: 'Give the output of iptables-save as well: nft cannot show all that is in them.',
    });
  const byIptables = warnings.length > 0 || looksMade;
  const wasListed = listed || byIptables;
  const reader = new Reader(new TokenStream(tokens, wasListed, byIptables), ruleset, diagnostics, wasListed);
  reader.readAll();
  checkReferences(reader);
  for (const table of ruleset.tables) {
    if (!wasListed) fillSets(table);
    for (const set of table.sets.values()) orderElements(set, diagnostics, wasListed);
  }
  return ruleset;
}

/** A chain of iptables as nft lists it: every rule counts. Versions before 1.0.7 tell it on standard error only. */
const MADE_BY_IPTABLES =
  /^\tchain (?:PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) \{\n\t\ttype \w+ hook \w+ priority [^;\n]+; policy \w+;\n\t\t[^\n]*\bcounter packets \d+ bytes \d+/m;

const IGNORED: readonly string[] = ['list', 'reset', 'describe', 'monitor', 'export'];
const COMMANDS: readonly string[] = [
  'add',
  'create',
  'insert',
  'replace',
  'delete',
  'destroy',
  'flush',
  'rename',
];

class Reader extends Workspace {
  /** The number of the last chain without a name. */
  private bound = 0;

  readAll(): void {
    const { stream } = this;
    for (stream.skipSeparators(); !stream.atEnd(); stream.skipSeparators())
      this.guarded(() => {
        this.readCommand();
        if (!stream.atStop()) stream.fail('newline or semicolon');
      });
  }

  /** Reports what is refused, skips the statement and reads on. */
  private guarded(read: () => void): void {
    const { stream } = this;
    const before = stream.place;
    try {
      read();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      reportRefusal(refusal, this.diagnostics);
      stream.skipStatement();
      if (stream.place === before || stream.isSign('}')) stream.next();
    }
  }

  private readCommand(): void {
    const { stream } = this;
    const token = stream.peek();
    if (token.kind !== 'word') stream.fail('a command');
    if (IGNORED.includes(token.text)) {
      this.diagnostics.note(`${token.text} changes nothing and is left out`, placeOf(token));
      stream.skipStatement();
      return;
    }
    const command = COMMANDS.includes(token.text) ? stream.next().text : 'add';
    switch (command) {
      case 'delete':
      case 'destroy':
        remove(this, command === 'delete');
        return;
      case 'flush':
        flush(this);
        return;
      case 'rename': {
        stream.expectWord('chain');
        const table = this.table();
        const chain = this.chainOf(table);
        const to = stream.expectName('a new name');
        table.chains.delete(chain.name);
        table.chains.set(to, { ...chain, name: to });
        return;
      }
      case 'insert':
      case 'replace':
        this.rule(command);
        return;
      default:
        this.add();
    }
  }

  private add(): void {
    const { stream } = this;
    const what = stream.peek();
    const object = takeObjectType(stream);
    if (object) {
      const table = this.table();
      const name = stream.expectIdentifier('a name');
      this.addObject(table, object, name);
      return;
    }
    stream.next();
    switch (what.text) {
      case 'table':
        this.addTable();
        return;
      case 'chain': {
        const table = this.table();
        const at = stream.peek();
        this.addChain(table, { ...at, text: stream.expectChainName() });
        return;
      }
      case 'rule':
        stream.returnTo(stream.place - 1);
        this.rule('add');
        return;
      case 'set':
      case 'map': {
        const table = this.table();
        const name = stream.peek();
        stream.expectIdentifier('a name');
        this.addSet(table, name, what.text === 'map');
        return;
      }
      case 'element': {
        const table = this.table();
        const set = this.setOf(table);
        addElements(set, readElements(stream), this.diagnostics, this.listed);
        return;
      }
      case 'flowtable': {
        const table = this.table();
        const name = stream.expectIdentifier('a name');
        table.flowtables.set(name, readFlowtable(stream, name, table.family));
        return;
      }
      default:
        // `nft FAMILY TABLE CHAIN STATEMENTS` is not in the grammar: a rule needs its keyword.
        stream.refuse(`unexpected ${what.text}, expecting a command`, what);
    }
  }

  private addTable(): void {
    const { stream } = this;
    const place = stream.place;
    const family = this.takeFamily();
    const name = stream.expectIdentifier('the name of a table');
    let table = this.index.get(`${family} ${name}`);
    if (!table) {
      table = {
        family,
        name,
        handle: null,
        dormant: false,
        owned: [],
        comment: null,
        chains: new Map(),
        sets: new Map(),
        objects: new Map(),
        flowtables: new Map(),
      };
      this.ruleset.tables.push(table);
      this.index.set(`${family} ${name}`, table);
    }
    if (!stream.isSign('{')) return;
    stream.next();
    if (table.handle === null) this.setHandle(table, handleAt(stream, place));
    const into = table;
    this.block(() => {
      this.readInTable(into);
    });
  }

  private setHandle(table: NftTable, handle: number | null): void {
    if (handle === null) return;
    const at = this.ruleset.tables.indexOf(table);
    // The table object stays the same: blocks that follow hold it.
    Object.assign(this.ruleset.tables[at], { handle });
  }

  /** Statements up to the closing brace. */
  private block(read: () => void): void {
    const { stream } = this;
    for (stream.skipSeparators(); !stream.takeSign('}'); stream.skipSeparators()) {
      if (stream.atEnd()) stream.fail('"}"');
      const before = stream.place;
      try {
        read();
        if (!stream.atSeparator()) stream.fail('newline or semicolon');
      } catch (refusal) {
        if (!(refusal instanceof Refusal)) throw refusal;
        reportRefusal(refusal, this.diagnostics);
        stream.skipStatement();
        if (stream.place === before && !stream.isSign('}')) stream.next();
      }
    }
  }

  /** An object of nft 1.1.4 and later, which gives packets to a device of tunnels: what comes of that no capture tells. */
  private passTunnel(start: Token): void {
    const { stream } = this;
    const name = stream.expectIdentifier('a name');
    if (!stream.isSign('{')) stream.fail('{');
    stream.skipStatement();
    this.diagnostics.warning(`tunnel ${name} is left out`, {
      ...placeOf(start),
      advice: 'Rules that name it are unknown, and it is not listed again.',
    });
  }

  private readInTable(table: NftTable): void {
    const { stream } = this;
    const word = stream.peek();
    const object = takeObjectType(stream);
    if (object) {
      this.addObject(table, object, stream.expectIdentifier('a name'));
      return;
    }
    if (word.kind !== 'word') stream.fail('what a table has');
    stream.next();
    const name = stream.peek();
    switch (word.text) {
      case 'chain':
        this.addChain(table, { ...name, text: stream.expectChainName() });
        return;
      case 'set':
      case 'map':
        stream.expectIdentifier('a name');
        this.addSet(table, name, word.text === 'map');
        return;
      case 'flowtable':
        stream.expectIdentifier('a name');
        table.flowtables.set(name.text, readFlowtable(stream, name.text, table.family));
        return;
      case 'tunnel':
        this.passTunnel(word);
        return;
      case 'flags':
        this.readTableFlags(table);
        return;
      case 'comment':
        table.comment = stream.expectString();
        return;
      default:
        stream.refuse(
          `unexpected ${word.text}, expecting chain, set, map, an object, flags or comment`,
          word,
        );
    }
  }

  private addObject(table: NftTable, type: ObjectType, name: string): void {
    table.objects.set(objectKey(type, name), readObject(this.stream, type, name, table.family));
  }

  private addSet(table: NftTable, name: Token, map: boolean): void {
    const place = this.stream.place;
    const set = readSet(this.stream, name, map, table, this.diagnostics);
    const known = table.sets.get(name.text);
    const handle = handleOfLine(this.stream, place);
    if (!known) table.sets.set(name.text, { ...set, handle });
    else if (set.elements.length > 0)
      table.sets.set(name.text, { ...set, handle, elements: known.elements.concat(set.elements) });
  }

  private readTableFlags(table: NftTable): void {
    const flags = new Set<string>();
    do flags.add(this.stream.expectWord('dormant', 'owner', 'persist'));
    while (this.stream.takeSign(','));
    if (flags.delete('dormant')) table.dormant = true;
    table.owned = [...flags].sort();
  }

  private addChain(table: NftTable, name: Token): void {
    const { stream } = this;
    const known = table.chains.get(name.text);
    const place = stream.place;
    const draft: { -readonly [K in keyof NftChain]: NftChain[K] } = {
      name: name.text,
      handle: known?.handle ?? handleOfLine(stream, place),
      base: known?.base ?? null,
      comment: known?.comment ?? null,
      rules: known?.rules ?? [],
      position: known?.position ?? positionOf(name),
    };
    if (stream.takeSign('{'))
      this.block(() => {
        this.readInChain(draft, table);
      });
    table.chains.set(name.text, draft);
  }

  private readInChain(chain: { -readonly [K in keyof NftChain]: NftChain[K] }, table: NftTable): void {
    const { stream } = this;
    if (stream.isWord('type') && stream.isWord('hook', 2)) {
      chain.base = readBase(stream, table.family, chain.base?.policy ?? 'accept');
      return;
    }
    if (stream.isWord('policy')) {
      stream.next();
      const policy = stream.expectWord('accept', 'drop');
      const { base } = chain;
      if (!base) return stream.refuse('a policy needs a hook');
      base.policy = policy;
      return;
    }
    if (stream.isWord('comment') && (stream.peek(1).kind === 'string' || stream.peek(1).kind === 'word')) {
      stream.next();
      chain.comment = stream.expectString();
      return;
    }
    chain.rules.push(this.readRuleOf(table));
  }

  private readRuleOf(table: NftTable): ReturnType<typeof readRule> {
    const mapData = (name: string): readonly KeyField[] | undefined => {
      const data = table.sets.get(name)?.data;
      return typeof data === 'string' || !data ? undefined : data;
    };
    const context = new RuleContext(table.family, mapData, this.listed);
    context.setKey = (name) => table.sets.get(name)?.key;
    context.mapsToIntervals = (name) => table.sets.get(name)?.dataInterval === true;
    context.bindChain = () => this.bindChain(table);
    const from = this.stream.place;
    const rule = readRule(this.stream, context, this.diagnostics);
    this.extents.set(rule, { from, to: this.stream.place });
    return rule;
  }

  /** The kernel gives such chains names of this kind, too (`nf_tables_addchain()`), which nft does not show. */
  private bindChain(table: NftTable): string {
    do this.bound++;
    while (table.chains.has(`__chain${this.bound}`));
    const name = `__chain${this.bound}`;
    const position = positionOf(this.stream.peek());
    const chain: NftChain = {
      name,
      handle: null,
      base: null,
      comment: null,
      rules: [],
      position,
      isBound: true,
    };
    this.stream.expectSign('{');
    this.block(() => chain.rules.push(this.readRuleOf(table)));
    table.chains.set(name, chain);
    return name;
  }

  private rule(command: 'add' | 'insert' | 'replace'): void {
    const { stream } = this;
    stream.expectWord('rule');
    const table = this.table();
    const at = stream.peek();
    const chain = this.chainOf(table);
    let place: number | null = null;
    if (stream.isWord('handle') || stream.isWord('position')) {
      const token = stream.next();
      const handle = stream.expectNumber();
      place = chain.rules.findIndex((r) => r.handle === handle);
      if (place < 0) stream.refuse(`there is no rule with handle ${handle}`, token);
    } else if (stream.isWord('index')) {
      const token = stream.next();
      place = stream.expectNumber();
      if (place >= chain.rules.length) stream.refuse('there is no rule with this index', token);
    }
    const rule = this.readRuleOf(table);
    if (command === 'replace') {
      if (place === null) return stream.refuse('replace needs a handle', at);
      chain.rules[place] = { ...rule, handle: chain.rules[place].handle };
    } else if (command === 'insert') chain.rules.splice(place ?? 0, 0, rule);
    else chain.rules.splice(place === null ? chain.rules.length : place + 1, 0, rule);
  }
}

function handleOfLine(stream: TokenStream, place: number): number | null {
  const token = stream.at(place);
  if (token.source.handles.size === 0) return null;
  return token.source.handles.get(positionOf(token).line) ?? null;
}
