import type { Position } from '../source/text.js';

/** An option that an extension takes, as iptables-extensions(8) names it. */
export interface OptionSpec {
  /** With its dashes: `--dport`. */
  readonly name: string;
  /** Other spellings, deprecated ones too: `--destination-port`. */
  readonly aliases?: readonly string[];
  /** How many arguments follow: `--tcp-flags` has 2. `optional` takes the next word unless it begins with a dash or is `!`. */
  readonly args: 0 | 1 | 2 | 'optional';
  /** `!` may stand before it. */
  readonly negatable?: boolean;
  /** What it says of itself on standard error each time it is given. */
  readonly warns?: string;
  /** What the extension itself says where libxtables has words for it otherwise: of a `!` before it, of its second time. */
  readonly refuses?: { readonly inverted?: string; readonly twice?: string };
}

/** An option as it was given. */
export interface GivenOption {
  /** The spec's `name`, whatever spelling was used. */
  readonly name: string;
  readonly negated: boolean;
  readonly args: readonly Word[];
  readonly position: Position;
}

export interface Word {
  readonly text: string;
  readonly position: Position;
}

/** What the host has, where a rule is given to it by a command. */
export interface HostNames {
  hasSet(name: string): boolean;
}

/** The options of one -m or -j, and where to complain. */
export class OptionList {
  constructor(
    readonly given: readonly GivenOption[],
    /** Where the extension's own name stands. */
    readonly position: Position,
    private readonly complain: (message: string, position: Position, length: number) => void,
    /** What -p said, for extensions that ask (multiport, DNAT ports, REJECT tcp-reset); null where it said nothing or was negated. */
    readonly protocol: number | null,
    readonly version: 4 | 6,
    /** What `! -p` said; null where it said nothing. */
    readonly negatedProtocol: number | null = null,
    /** null: nobody was asked, as where saved rules are read. */
    readonly names: HostNames | null = null,
  ) {}

  has(name: string): boolean {
    return this.given.some((o) => o.name === name);
  }

  find(name: string): GivenOption | undefined {
    return this.given.find((o) => o.name === name);
  }

  /** The first argument's text, or undefined where the option is absent. */
  text(name: string): string | undefined {
    return this.find(name)?.args[0]?.text;
  }

  /** Reports an error at a word of the rule; the rule then becomes `unknown`. */
  error(message: string, at: Word | GivenOption | null = null): void {
    const position = at?.position ?? this.position;
    const length = at === null ? 1 : 'text' in at ? at.text.length : at.name.length;
    this.complain(message, position, length);
  }
}
