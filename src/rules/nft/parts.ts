/** A part of a statement, and what its kind has. */
export interface Part {
  readonly kind: string;
  readonly name?: unknown;
  readonly mode?: unknown;
  readonly key?: unknown;
}

/** The statement and all that it is made of. */
export function* partsOf(statement: object): Generator<Part> {
  const waiting: unknown[] = [statement];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    if ('kind' in value && typeof value.kind === 'string') yield value as Part;
    for (const inner of Array.isArray(value) ? value : Object.values(value)) waiting.push(inner);
  }
}
