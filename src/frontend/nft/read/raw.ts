import type { Expression, Statement, Verdict } from '../../../rules/nft/model.js';
import type { Token } from './lexer.js';

/** Right sides as written, before the type that they must have is known. Both text and JSON are read into these. */
export type Raw = { readonly at: Token | null } & (
  | { readonly node: 'atom'; readonly text: string }
  | { readonly node: 'list'; readonly items: readonly Raw[] }
  | {
      readonly node: 'binary';
      readonly operator: '&' | '|' | '^' | '<<' | '>>';
      readonly left: Raw;
      readonly right: Raw;
    }
  | { readonly node: 'prefix'; readonly base: Raw; readonly length: number }
  | { readonly node: 'range'; readonly from: Raw; readonly to: Raw }
  | { readonly node: 'concat'; readonly parts: readonly Raw[] }
  /** `listed`: as nft listed it, so that it stays as it is. */
  | { readonly node: 'set'; readonly elements: readonly RawElement[]; readonly listed: boolean }
  | { readonly node: 'reference'; readonly name: string }
  | { readonly node: 'map'; readonly key: Raw; readonly map: Raw }
  | { readonly node: 'verdict'; readonly verdict: Verdict }
  | { readonly node: 'wildcard' }
  | { readonly node: 'selector'; readonly expression: Expression }
);

export interface RawElement {
  readonly key: Raw;
  readonly data: Raw | null;
  readonly timeout: number | null;
  readonly expires: number | null;
  readonly comment: string | null;
  readonly statements: readonly Statement[];
}
