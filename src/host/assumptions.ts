/** One thing that the host snapshot does not say, and what is taken instead. */
export interface Assumption {
  /** What it is about: a snapshot file's name, a sysctl's name, an address. */
  readonly subject: string;
  /** What was assumed, and why, as one sentence. */
  readonly text: string;
}

/** Assumptions by subject; those that an answer rested on are told apart from those nobody asked about. */
export class Assumptions {
  private readonly bySubject = new Map<string, { assumption: Assumption; mattered: boolean; at: number }>();
  /** When what is recorded now was: any number that grows. */
  at = 0;

  /** Records an assumption; the first one on a subject stays. */
  record(subject: string, text: string, mattered = false): void {
    const known = this.bySubject.get(subject);
    if (known) known.mattered ||= mattered;
    else this.bySubject.set(subject, { assumption: { subject, text }, mattered, at: this.at });
  }

  /** Says that an answer rested on what was assumed about `subject`, if anything was. */
  rely(subject: string): void {
    const known = this.bySubject.get(subject);
    if (known) known.mattered = true;
  }

  get all(): readonly Assumption[] {
    return [...this.bySubject.values()].map((a) => a.assumption);
  }

  /** All of them, with when they were recorded and whether an answer rested on them. */
  get recorded(): readonly (Assumption & { readonly mattered: boolean; readonly at: number })[] {
    return [...this.bySubject.values()].map(({ assumption, mattered, at }) => ({
      ...assumption,
      mattered,
      at,
    }));
  }

  /** Those that an answer rested on, in the order in which they were recorded. */
  get mattered(): readonly Assumption[] {
    return [...this.bySubject.values()].filter((a) => a.mattered).map((a) => a.assumption);
  }
}
