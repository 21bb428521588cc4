import type { Packet } from '../../../packet/packet.js';
import type { Context } from '../../context.js';
import { jiffies, jiffiesOfMilliseconds, HZ } from '../../jiffies.js';
import type { Expression, KeyField, SetElement, Statement } from '../model.js';
import { Flow, type RunningStatement, type StatementResult } from './result.js';
import {
  constantOf,
  isHostOrder,
  matches,
  padded,
  type Pattern,
  patternsOf,
  type Read,
  registerBytes,
  type Scalar,
} from './value.js';

/** An element of a running set. */
export interface Element {
  /** As it was listed or as the rule that added it says. */
  readonly source: SetElement;
  readonly patterns: readonly Pattern[];
  /** Of a map: the value that a lookup gives; null where it is none that is known. */
  readonly data: Read;
  /** Of a verdict map: what its verdict does. */
  readonly result: StatementResult;
  /** Of a map to objects: the object's name. */
  readonly object: string | null;
  readonly statements: readonly RunningStatement[];
  /** Milliseconds; 0: it stays. */
  readonly timeout: number;
  /** In ticks; Infinity: it stays. */
  expires: number;
  /** When a rule last brought it up to date, ns. */
  touched: number;
}

/** How a set makes what its elements hold. */
export interface SetParts {
  /** The fields of its key; empty for an anonymous set. */
  readonly key: readonly KeyField[];
  /** The fields of a map's data; empty for a set, and for maps to verdicts and objects. */
  readonly data: readonly KeyField[];
  /** Milliseconds; 0: elements stay. */
  readonly timeout: number;
  /** Most elements that rules may bring it to; Infinity: no limit. */
  readonly size: number;
  /** Statements that its elements get where they bring none. */
  readonly statements: readonly Statement[];
  start(statement: Statement): RunningStatement;
  result(data: Expression): StatementResult;
}

/** A set or map while it runs: exact keys in a hash, intervals in order, concatenations of intervals one by one. */
export class LiveSet {
  private readonly exact = new Map<Scalar, Element>();
  /** One field, sorted by their lower end and apart from each other. */
  private readonly intervals: Element[] = [];
  /** Beginnings of names, and concatenations with an interval in them: the first that fits. */
  private readonly others: Element[] = [];
  private any: Element | null = null;
  /** In the order of the listing. */
  private readonly all = new Set<Element>();
  /** A rule has added or removed elements. */
  private changed = false;
  /** Elements whose key is no constant: whether they match nobody knows. */
  private uncertain = false;

  constructor(
    elements: readonly SetElement[],
    private readonly parts: SetParts,
  ) {
    for (const source of elements) {
      const patterns = patternsOf(source.key);
      if (patterns) this.add(this.make(source, patterns, 0));
      else this.uncertain = true;
    }
    this.intervals.sort((a, b) => compare(lowerEnd(a), lowerEnd(b)));
  }

  private add(element: Element): void {
    const { patterns } = element;
    const [first] = patterns;
    this.all.add(element);
    if (patterns.every((p) => p.kind === 'value')) this.exact.set(keyOf(patterns), element);
    else if (patterns.length > 1 || first.kind === 'beginning') this.others.push(element);
    else if (first.kind === 'any') this.any = element;
    else this.intervals.push(element);
  }

  private make(source: SetElement, patterns: readonly Pattern[], now: number): Element {
    const { data, statements } = source;
    const timeout = source.timeout ?? this.parts.timeout;
    const value = data && dataOf(data);
    return {
      source,
      patterns,
      data: value,
      result: data ? this.parts.result(data) : Flow.continue,
      object: typeof value === 'string' ? value : null,
      statements: (statements.length > 0 ? statements : this.parts.statements).map((s) =>
        this.parts.start(s),
      ),
      timeout,
      touched: now,
      expires: timeout === 0 ? Infinity : expiry(source.expires ?? timeout, now),
    };
  }

  /** The live element that has this key; null where nobody knows, undefined where none has. */
  find(fields: readonly Scalar[], now: number): Element | undefined | null {
    return this.lookUp(fields, now) ?? (this.uncertain ? null : undefined);
  }

  private lookUp(fields: readonly Scalar[], now: number): Element | undefined {
    const exact = this.exact.get(keyOfFields(fields));
    if (exact && isAlive(exact, now)) return exact;
    const between = fields.length === 1 ? this.between(fields[0]) : undefined;
    if (between && isAlive(between, now)) return between;
    for (const element of this.others) if (isAlive(element, now) && fits(element, fields)) return element;
    return this.any ?? undefined;
  }

  /** The interval that holds a value, by bisection. */
  private between(value: Scalar): Element | undefined {
    let low = 0;
    let high = this.intervals.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const element = this.intervals[middle];
      const [pattern] = element.patterns;
      if (pattern.kind !== 'interval') return undefined;
      if (value < pattern.from) high = middle - 1;
      else if (value > pattern.to) low = middle + 1;
      else return element;
    }
    return undefined;
  }

  /**
   * The live element of this key, made by `make` where there is none: `nft_dynset_new()` (net/netfilter/nft_dynset.c).
   * null: the set is full.
   */
  update(fields: readonly Scalar[], make: (key: Expression) => SetElement, context: Context): Element | null {
    const { now } = context;
    const there = this.lookUp(fields, now);
    if (there) {
      there.touched = now;
      return there;
    }
    if (!this.hasRoom(now)) return null;
    const { key } = this.parts;
    const constants = fields.map((value, i) => constantOf(value, key[i]));
    const source = make(constants.length === 1 ? constants[0] : { kind: 'concat', parts: constants });
    const element = this.make(
      source,
      fields.map((value) => ({ kind: 'value', value })),
      now,
    );
    const old = this.exact.get(keyOfFields(fields));
    if (old) this.all.delete(old);
    this.add(element);
    this.changed = true;
    return element;
  }

  /** A value as the data of an element. */
  dataConstant(value: Exclude<Read, undefined | null>): Expression {
    const { data } = this.parts;
    const fields = typeof value === 'object' ? value : [value];
    const constants = fields.map((field, i) => constantOf(field, data[i] ?? { type: 'integer', bits: 32 }));
    return constants.length === 1 ? constants[0] : { kind: 'concat', parts: constants };
  }

  /** Starts an element's time anew. @param timeout milliseconds; null: the set's */
  renew(element: Element, timeout: number | null, now: number): void {
    if (element.timeout !== 0) element.expires = expiry(timeout ?? this.parts.timeout, now);
  }

  /** What it has now, in no order that means anything. */
  elements(): Iterable<Element> {
    return this.all;
  }

  remove(fields: readonly Scalar[]): void {
    const key = keyOfFields(fields);
    const element = this.exact.get(key);
    if (!element) return;
    this.exact.delete(key);
    this.all.delete(element);
    this.changed = true;
  }

  /** What is over is thrown out only where there is no room left, or in `listed`. */
  private hasRoom(now: number): boolean {
    if (this.all.size < this.parts.size) return true;
    this.collect(now);
    return this.all.size < this.parts.size;
  }

  private collect(now: number): void {
    for (const [key, element] of this.exact) {
      if (isAlive(element, now)) continue;
      this.exact.delete(key);
      this.all.delete(element);
    }
  }

  /** The live elements with what they have counted, in the order in which nft lists them. */
  listed(now: number): SetElement[] {
    const alive = [...this.all].filter((element) => isAlive(element, now) && !isCollected(element, now));
    if (this.changed) alive.sort((a, b) => this.order(a, b));
    return alive.map((element) => listedElement(element, now));
  }

  /**
   * nft lists by value; a concatenation counts as one number with its last byte the most significant
   * (`expr_msort_cmp()`, src/mergesort.c of nftables).
   */
  private order(a: Element, b: Element): number {
    if (a.patterns.length === 1) return compare(lowerEnd(a), lowerEnd(b));
    const bytes = (element: Element): number[] =>
      element.patterns.flatMap((_, i) => {
        const { type, bits } = this.parts.key[i];
        return padded(registerBytes(lowerEnd(element, i), bits, isHostOrder(type)));
      });
    const left = bytes(a);
    const right = bytes(b);
    for (let i = Math.min(left.length, right.length) - 1; i >= 0; i--)
      if (left[i] !== right[i]) return left[i] - right[i];
    return 0;
  }
}

/** In ticks. @param milliseconds from now on */
function expiry(milliseconds: number, now: number): number {
  return jiffies(now) + jiffiesOfMilliseconds(milliseconds);
}

function isAlive(element: Element, now: number): boolean {
  return element.expires === Infinity || element.expires > jiffies(now);
}

/** How often a set looks for elements to let go, ns (HZ in `nft_rhash_gc_init()`, net/netfilter/nft_set_hash.c). */
const GC_INTERVAL = 1e9;

function isCollected({ statements, touched }: Element, now: number): boolean {
  return now - touched > GC_INTERVAL && statements.some((s) => s.idle?.());
}

function fits({ patterns }: Element, fields: readonly Scalar[]): boolean {
  return patterns.length === fields.length && patterns.every((p, i) => matches(p, fields[i]));
}

function keyOfFields(fields: readonly Scalar[]): Scalar {
  return fields.length === 1 ? fields[0] : fields.map(String).join(' ');
}

function keyOf(patterns: readonly Pattern[]): Scalar {
  return keyOfFields(patterns.map((p) => (p.kind === 'value' ? p.value : '')));
}

function lowerEnd({ patterns }: Element, field = 0): Scalar {
  const pattern = patterns[field];
  return pattern.kind === 'value' || pattern.kind === 'beginning'
    ? pattern.value
    : pattern.kind === 'interval'
      ? pattern.from
      : '';
}

function compare(a: Scalar, b: Scalar): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What an element of a map gives: one value, a value a field, or null where nobody knows. */
function dataOf(data: Expression): Read {
  if (data.kind === 'verdict') return null;
  const patterns = patternsOf(data);
  const fields: Scalar[] = [];
  for (const pattern of patterns ?? []) if (pattern.kind === 'value') fields.push(pattern.value);
  if (!patterns || fields.length !== patterns.length) return null;
  return data.kind === 'concat' ? fields : fields[0];
}

function listedElement({ source, statements, timeout, expires }: Element, now: number): SetElement {
  return {
    ...source,
    statements: statements.map((s) => s.listed?.(now) ?? s.statement),
    expires: timeout === 0 ? null : (expires - jiffies(now)) * (1000 / HZ),
  };
}

/** Runs the statements of an element that was found: `nft_set_elem_update_expr()`. */
export function runElement(element: Element, packet: Packet, context: Context): StatementResult {
  for (const statement of element.statements) {
    const result = statement.run(packet, context);
    if (result !== Flow.continue) return result;
  }
  return Flow.continue;
}
