/** What an option says, and whether `!` stood before it. */
export interface Negatable<T> {
  readonly value: T;
  readonly negated: boolean;
}

/** The `! ` that iptables-save prints before a negated option. */
export function bang(negated: boolean): string {
  return negated ? '! ' : '';
}
