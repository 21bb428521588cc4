import { objectKey } from '../../../rules/nft/model.js';
import { readElements } from './expressions.js';
import type { Token } from './lexer.js';
import { takeObjectType } from './objects.js';
import { printElementKey } from '../print/print.js';
import { resolve } from './resolve.js';
import type { Workspace } from './workspace.js';

/** `flush ruleset`, `flush table`, `flush chain`, `flush set`, from behind the first word on. */
export function flush(space: Workspace): void {
  const { stream, ruleset, index } = space;
  const what = stream.expectWord('ruleset', 'table', 'chain', 'set', 'map');
  switch (what) {
    case 'ruleset': {
      const only = stream.atStop() ? null : space.takeFamily();
      const { tables } = ruleset;
      tables.splice(0, tables.length, ...(only === null ? [] : tables.filter((t) => t.family !== only)));
      index.clear();
      for (const table of tables) index.set(`${table.family} ${table.name}`, table);
      return;
    }
    case 'table':
      for (const chain of space.table().chains.values()) chain.rules.length = 0;
      return;
    case 'chain':
      space.chainOf(space.table()).rules.length = 0;
      return;
    default:
      space.setOf(space.table()).elements = [];
  }
}

/** `delete` and, where nothing has to be there, `destroy`, from behind that word on. */
export function remove(space: Workspace, must: boolean): void {
  const { stream } = space;
  const missing = (what: string, token: Token): void => {
    if (must) stream.refuse(`there is no ${what}`, token);
  };
  /** Deletes the thing of the name that is next. */
  const named = (
    from: { delete(name: string): boolean },
    what: string,
    key = (name: string) => name,
  ): void => {
    const token = stream.peek();
    if (!from.delete(key(stream.expectName('a name')))) missing(`${what} ${token.text}`, token);
  };
  const object = takeObjectType(stream);
  if (object) {
    named(space.table().objects, object, (name) => objectKey(object, name));
    return;
  }
  switch (stream.expectWord('table', 'chain', 'rule', 'set', 'map', 'element', 'flowtable')) {
    case 'table':
      removeTable(space, missing);
      return;
    case 'chain':
      named(space.table().chains, 'chain');
      return;
    case 'rule': {
      const chain = space.chainOf(space.table());
      const token = stream.peek();
      const by = stream.expectWord('handle', 'index');
      const number = stream.expectNumber();
      const at = by === 'index' ? number : chain.rules.findIndex((r) => r.handle === number);
      if (at < 0 || at >= chain.rules.length) missing('such rule', token);
      else chain.rules.splice(at, 1);
      return;
    }
    case 'set':
    case 'map':
      named(space.table().sets, 'set');
      return;
    case 'flowtable':
      named(space.table().flowtables, 'flowtable');
      return;
    default: {
      const set = space.setOf(space.table());
      const gone = new Set(readElements(stream).map((e) => printElementKey(resolve(e.key, set.key))));
      set.elements = set.elements.filter((e) => !gone.has(printElementKey(e.key)));
    }
  }
}

function removeTable(space: Workspace, missing: (what: string, token: Token) => void): void {
  const family = space.takeFamily();
  const token = space.stream.peek();
  const name = space.stream.expectName('the name of a table');
  const { tables } = space.ruleset;
  const at = tables.findIndex((t) => t.family === family && t.name === name);
  if (at < 0) missing(`table ${family} ${name}`, token);
  else {
    tables.splice(at, 1);
    space.index.delete(`${family} ${name}`);
  }
}
