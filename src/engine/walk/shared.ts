import type { SharedTables } from '../../rules/context.js';

/** What rules share by name (the recent lists, the hashlimit tables…), one namespace a kind. */
export class NamedTables implements SharedTables {
  private readonly tables = new Map<string, unknown>();

  get<T>(kind: string, name: string, make: () => T): T {
    const key = `${kind}\0${name}`;
    let table = this.tables.get(key) as T | undefined;
    if (table === undefined) this.tables.set(key, (table = make()));
    return table;
  }

  find<T>(kind: string, name: string): T | undefined {
    return this.tables.get(`${kind}\0${name}`) as T | undefined;
  }
}
