import { placeOf, type Token } from './lexer.js';
import type { Diagnostics } from '../../../source/diagnostic.js';

/** Thrown and caught inside this folder: what is wrong with a rule or a block, and at which token. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly token: Token | null,
  ) {
    super(message);
  }
}

/** The deepest nesting of parentheses and blocks that is read. */
export const DEEPEST = 64;

/** Words that nft 1.0.6 takes for no name, wherever they stand: asked of it, one by one. */
const RESERVED: ReadonlySet<string> = new Set(
  `accept add ah all and arp auto-merge bridge cgroup chain comment comp constant continue counter cpu create ct day
  dccp define delete describe device devices dnat drop dst dup dynamic ecn element elements eq esp ether exists expires
  export exthdr fib flags flow flowtable flush frag fwd gc-interval ge get goto gt handle hbh hook hour ibrname icmp icmpv6 igmp
  iif iifgroup iifname iiftype include index inet insert interval ip ip6 ipsec jhash jump le limit list log lt map mark
  masquerade meta meter mh missing monitor ne netdev nftrace not notrack numgen obrname offload oif oifgroup oifname
  oiftype or osf pkttype policy position priority queue quota random redefine redirect reject rename replace reset return
  rt rt0 rt2 rtclassid rule ruleset sctp secmark set size skgid skuid snat socket srh symhash synproxy table tcp th time
  timeout tproxy type typeof udp udplite undefine update vlan vmap xor xt`.split(/\s+/),
);

/** Those of them that may be a value nevertheless (`keyword_expr`, src/parser_bison.y of nftables). */
const VALUES: ReadonlySet<string> = new Set('arp dnat ecn ether ip ip6 reset snat vlan'.split(' '));

/** Whether nft takes the word for no name. */
export function isReserved(word: string): boolean {
  return RESERVED.has(word);
}

/** Whether nft takes the word for no value, where any word could be one. */
export function isNoValue(word: string): boolean {
  return RESERVED.has(word) && !VALUES.has(word);
}

/** The tokens of a ruleset, read one after the other. */
export class TokenStream {
  private index = 0;
  depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    /** nft listed the text. */
    readonly listed = false,
    /** Tables that iptables-nft made are among it. */
    readonly byIptables = false,
  ) {}

  /** The token `ahead` places on; line ends count. */
  peek(ahead = 0): Token {
    return this.tokens[Math.min(this.index + ahead, this.tokens.length - 1)];
  }

  next(): Token {
    const token = this.peek();
    if (this.index < this.tokens.length - 1) this.index++;
    return token;
  }

  get place(): number {
    return this.index;
  }

  returnTo(place: number): void {
    this.index = place;
  }

  at(place: number): Token {
    return this.tokens[place];
  }

  isSign(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'sign' && token.text === text;
  }

  isWord(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'word' && token.text === text;
  }

  takeSign(text: string): boolean {
    const found = this.isSign(text);
    if (found) this.next();
    return found;
  }

  takeWord(text: string): boolean {
    const found = this.isWord(text);
    if (found) this.next();
    return found;
  }

  skipLines(): void {
    while (this.peek().kind === 'newline') this.next();
  }

  /** After a statement: line ends and semicolons. */
  skipSeparators(): void {
    while (this.peek().kind === 'newline' || this.isSign(';')) this.next();
  }

  atEnd(): boolean {
    return this.peek().kind === 'end';
  }

  /** What nft wants behind a statement of a block, also before its closing brace (`stmt_separator`, src/parser_bison.y). */
  atSeparator(): boolean {
    const token = this.peek();
    return token.kind === 'newline' || token.kind === 'end' || (token.kind === 'sign' && token.text === ';');
  }

  /** Whether a statement ends here. */
  atStop(): boolean {
    const token = this.peek();
    return (
      token.kind === 'newline' ||
      token.kind === 'end' ||
      (token.kind === 'sign' && (token.text === ';' || token.text === '}'))
    );
  }

  fail(expected?: string, token = this.peek()): never {
    const what =
      token.kind === 'newline'
        ? 'end of line'
        : token.kind === 'end'
          ? 'end of file'
          : token.kind === 'string'
            ? 'a quoted string'
            : token.text;
    throw new Refusal(`unexpected ${what}${expected === undefined ? '' : `, expecting ${expected}`}`, token);
  }

  refuse(message: string, token = this.peek()): never {
    throw new Refusal(message, token);
  }

  expectSign(text: string): void {
    if (!this.takeSign(text)) this.fail(`"${text}"`);
  }

  expectWord<W extends string>(...words: readonly W[]): W {
    const token = this.peek();
    const found = token.kind === 'word' ? words.find((w) => w === token.text) : undefined;
    if (found === undefined) return this.fail(words.join(' or '));
    this.next();
    return found;
  }

  /** A name: a word, a quoted string, or digits with letters. */
  expectName(what: string): string {
    const token = this.peek();
    if (token.kind !== 'word' && token.kind !== 'string' && token.kind !== 'number') this.fail(what);
    return this.next().text;
  }

  /** A name that is given to something, or by which it is called. */
  expectIdentifier(what: string): string {
    if (!this.listed && this.peek().kind === 'word' && isReserved(this.peek().text)) this.fail(what);
    return this.expectName(what);
  }

  /** In a listing it may be any name that iptables takes (`~log0`), which nft itself would not read. */
  expectChainName(): string {
    if (!this.listed) return this.expectIdentifier('the name of a chain');
    const isPiece = ({ kind, text }: Token): boolean =>
      kind !== 'newline' && kind !== 'end' && (kind !== 'sign' || !'{};,'.includes(text));
    const start = this.peek();
    if (!isPiece(start)) this.fail('the name of a chain');
    let name = this.next().text;
    for (let at = start.end; isPiece(this.peek()) && this.peek().start === at; at = this.peek(-1).end)
      name += this.next().text;
    return name;
  }

  expectNumber(what = 'a number'): number {
    const token = this.peek();
    const value = token.kind === 'number' ? readNumber(token.text) : undefined;
    if (value === undefined) this.fail(what);
    this.next();
    return value;
  }

  expectString(what = 'a quoted string'): string {
    const token = this.peek();
    const isWord = token.kind === 'word' && (this.listed || !isReserved(token.text));
    if (token.kind !== 'string' && !isWord) this.fail(what);
    return this.next().text;
  }

  /** One level deeper; refuses what is nested without measure. */
  nested<T>(read: () => T): T {
    if (++this.depth > DEEPEST) {
      this.depth--;
      this.refuse('nested too deeply');
    }
    try {
      return read();
    } finally {
      this.depth--;
    }
  }

  /**
   * Skips to the end of the statement that begins here, over what is in braces; stops at the line end, the semicolon
   * or the closing brace.
   */
  skipStatement(): void {
    let open = 0;
    for (; !this.atEnd(); this.next()) {
      if (this.isSign('{')) open++;
      else if (this.isSign('}')) {
        if (open === 0) return;
        open--;
      } else if (open === 0 && this.atStop()) return;
    }
  }
}

export function readNumber(text: string): number | undefined {
  if (/^\d{1,20}$/.test(text)) return Number(text);
  return /^0x[0-9a-f]{1,16}$/i.test(text) ? Number(text) : undefined;
}

export function reportRefusal(refusal: Refusal, diagnostics: Diagnostics): void {
  diagnostics.error(refusal.message, refusal.token ? placeOf(refusal.token) : {});
}
