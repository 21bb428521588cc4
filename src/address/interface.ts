/**
 * An interface name as -i and -o take it: a trailing `+` stands for any rest (iptables(8)).
 * `+` alone matches every name, the empty one too.
 */
export class InterfacePattern {
  private readonly stem: string;
  /** It ends with `+`. */
  readonly isOpen: boolean;

  constructor(readonly text: string) {
    this.isOpen = text.endsWith('+');
    this.stem = this.isOpen ? text.slice(0, -1) : text;
  }

  matches(name: string): boolean {
    return this.isOpen ? name.startsWith(this.stem) : name === this.stem;
  }

  toString(): string {
    return this.text;
  }
}
