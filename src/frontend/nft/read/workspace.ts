import type { Diagnostics } from '../../../source/diagnostic.js';
import type { Family } from '../../../rules/model.js';
import type { NftChain, NftRule, NftRuleset, NftSet, NftTable } from '../../../rules/nft/model.js';
import type { TokenStream } from './stream.js';

const FAMILIES: readonly string[] = ['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'];

/** The first token of a rule and the one after its last, by their places in the stream. */
export interface Extent {
  readonly from: number;
  readonly to: number;
}

/** The ruleset that is being read, and what names in commands stand for in it. */
export class Workspace {
  /** The tables by family and name. */
  readonly index = new Map<string, NftTable>();
  /** Where the rules stand that were read, to point at what is wrong with them once all is read. */
  readonly extents = new Map<NftRule, Extent>();

  constructor(
    readonly stream: TokenStream,
    readonly ruleset: NftRuleset,
    readonly diagnostics: Diagnostics,
    /** The kernel's ruleset was listed so; it was not written by hand. */
    readonly listed: boolean,
  ) {}

  takeFamily(): Family {
    const { stream } = this;
    if (stream.peek().kind === 'word' && FAMILIES.includes(stream.peek().text))
      return stream.next().text as Family;
    return 'ip';
  }

  table(): NftTable {
    const family = this.takeFamily();
    const token = this.stream.peek();
    const name = this.stream.expectName('the name of a table');
    return (
      this.index.get(`${family} ${name}`) ?? this.stream.refuse(`there is no table ${family} ${name}`, token)
    );
  }

  chainOf(table: NftTable): NftChain {
    const token = this.stream.peek();
    const name = this.stream.expectChainName();
    return table.chains.get(name) ?? this.stream.refuse(`there is no chain ${name}`, token);
  }

  setOf(table: NftTable): NftSet {
    const token = this.stream.peek();
    const name = this.stream.expectName('the name of a set');
    return table.sets.get(name) ?? this.stream.refuse(`there is no set ${name}`, token);
  }
}
