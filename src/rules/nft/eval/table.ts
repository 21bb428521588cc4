import { Verdict } from '../../verdict.js';
import {
  type Expression,
  type FlowAdd,
  type KeyField,
  type Nat,
  type NftObject,
  type NftSet,
  type NftTable,
  type ObjectReference,
  objectKey,
  type SetExpression,
  type SetReference,
  type Statement,
  type Verdict as NftVerdict,
} from '../model.js';
import { log, mangle, notrack, queue, reject, resetTcpOption, setUpdate, unknown } from './actions.js';
import { statementsBehind } from './evidence.js';
import { elementReader, type Lookup } from './expression.js';
import { match, verdictMap } from './match.js';
import { nat } from './nat.js';
import { duplicate, forward } from './elsewhere.js';
import { Flow, type Jumps, type RunningStatement, type StatementResult } from './result.js';
import { LiveSet } from './set.js';
import { assignment, type StatementRun } from './objects.js';
import { transparentProxy, synproxy } from './socket.js';
import { asStatement, connectionLimit, counter, last, limit, quota, type Stateful } from './stateful.js';

/** How many levels of sets' statements are followed; nft allows one. */
const DEEPEST = 4;
/** What nft asks for where a dynamic set was given no size. */
const DYNAMIC_SIZE = 65_535;

/** A table while it runs: its sets and objects, and what makes its rules' statements ready. */
export class RunningTable implements Lookup {
  private readonly sets = new Map<string, LiveSet>();
  private readonly objects = new Map<string, Stateful<NftObject>>();
  private depth = 0;

  constructor(
    readonly table: NftTable,
    private readonly jumps: Jumps,
  ) {
    for (const [key, object] of table.objects) {
      const state = startObject(object);
      if (state) this.objects.set(key, state);
    }
    for (const set of table.sets.values()) this.sets.set(set.name, this.startSet(set));
  }

  set(of: SetExpression | SetReference): LiveSet | null {
    if (of.kind === 'setReference') return this.sets.get(of.name) ?? null;
    return new LiveSet(of.elements, {
      key: [],
      data: [],
      timeout: 0,
      size: Infinity,
      statements: [],
      start: (statement) => this.start(statement),
      result: (data) => this.resultOf(data),
    });
  }

  behind(verdict: NftVerdict): readonly Nat[] {
    return statementsBehind(verdict, this.table);
  }

  meter(key: Expression, size: number): LiveSet {
    const fields = (key.kind === 'concat' ? key.parts : [key]).map(fieldOfKey);
    return new LiveSet([], {
      key: fields,
      data: [],
      timeout: 0,
      size,
      statements: [],
      start: (statement) => this.start(statement),
      result: () => Flow.continue,
    });
  }

  private startSet(set: NftSet): LiveSet {
    return new LiveSet(set.elements, {
      key: set.key,
      data: typeof set.data === 'string' ? [] : (set.data ?? []),
      timeout: set.timeout ?? 0,
      size: set.size ?? (set.flags.includes('dynamic') ? DYNAMIC_SIZE : Infinity),
      statements: set.statements,
      start: (statement) => this.start(statement),
      result: (data) => this.resultOf(data),
    });
  }

  private resultOf(data: Expression): StatementResult {
    return data.kind === 'verdict' ? this.verdict(data.verdict) : Flow.continue;
  }

  private verdict(verdict: NftVerdict): StatementResult {
    switch (verdict.kind) {
      case 'accept':
        return Verdict.accept;
      case 'drop':
        return Verdict.drop;
      case 'return':
        return Verdict.return;
      case 'continue':
        return Flow.continue;
      case 'break':
        return Flow.break;
      case 'jump':
      case 'goto':
        return this.jumps(verdict.chain, verdict.kind === 'goto') ?? Flow.unknown;
    }
  }

  /** Makes a statement ready to run, with what it remembers. @param text as it is listed, for explanations */
  start(statement: Statement, text = ''): RunningStatement {
    if (this.depth >= DEEPEST) return unknown(statement);
    this.depth++;
    try {
      return this.make(statement, text);
    } finally {
      this.depth--;
    }
  }

  private make(statement: Statement, text: string): RunningStatement {
    switch (statement.kind) {
      case 'match':
        return match(statement, text, this);
      case 'vmap':
        return verdictMap(statement, text, this);
      case 'counter':
        return asStatement(statement, counter(statement));
      case 'limit':
        return asStatement(statement, limit(statement), text);
      case 'quota':
        return asStatement(statement, quota(statement), text);
      case 'connlimit':
        return asStatement(statement, connectionLimit(statement), text);
      case 'last':
        return asStatement(statement, last(statement));
      case 'objref':
        return this.reference(statement);
      case 'log':
        return log(statement);
      case 'verdict': {
        const result = this.verdict(statement.verdict);
        return { statement, run: () => result };
      }
      case 'queue':
        return queue(statement);
      case 'reject':
        return reject(statement);
      case 'nat':
        return nat(statement, this);
      case 'mangle':
        return mangle(statement, this);
      case 'resetTcpOption':
        return resetTcpOption(statement);
      case 'notrack':
        return notrack(statement);
      case 'setUpdate':
        return setUpdate(statement, this);
      case 'dup':
        return duplicate(statement, this);
      case 'flowAdd':
        return this.flowAdd(statement);
      case 'tproxy':
        return transparentProxy(statement, this);
      case 'synproxy':
        return { statement, run: synproxy(statement) };
      case 'fwd':
        return forward(statement, this);
      case 'unknown':
        return unknown(statement);
    }
  }

  private flowAdd(statement: FlowAdd): RunningStatement {
    const table = this.table.flowtables.get(statement.flowtable);
    if (!table) return unknown(statement);
    return { statement, run: (_, context) => (context.offload?.(table) ? Flow.continue : Flow.break) };
  }

  /** `nft_objref_eval()`, `nft_objref_map_eval()`. */
  private reference(statement: ObjectReference): RunningStatement {
    const { object, name } = statement;
    const of = (key: string): StatementRun => {
      const state = this.objects.get(objectKey(object, key));
      if (state) return state.run;
      const named = this.table.objects.get(objectKey(object, key));
      return named ? assignment(named) : () => Flow.unknown;
    };
    if (typeof name === 'string') return { statement, run: of(name) };
    const find = elementReader(name.key, name.map, this);
    return {
      statement,
      run(packet, context) {
        const element = find(packet, context);
        if (!element) return element === null ? Flow.unknown : Flow.break;
        return element.object === null ? Flow.unknown : of(element.object)(packet, context);
      },
    };
  }

  /** The table's sets and objects as they would be listed now. @param now ns since capture start */
  listed(now: number): Pick<NftTable, 'sets' | 'objects'> {
    const sets = new Map<string, NftSet>();
    for (const [name, set] of this.table.sets)
      sets.set(name, { ...set, elements: this.sets.get(name)?.listed(now) ?? set.elements });
    const objects = new Map<string, NftObject>();
    for (const [key, object] of this.table.objects)
      objects.set(key, this.objects.get(key)?.listed(now) ?? object);
    return { sets, objects };
  }
}

function fieldOfKey(expression: Expression): KeyField {
  if (expression.kind === 'binary') return fieldOfKey(expression.left);
  return 'type' in expression && 'bits' in expression
    ? { type: expression.type, bits: expression.bits }
    : { type: 'integer', bits: 32 };
}

function startObject(object: NftObject): Stateful<NftObject> | null {
  switch (object.kind) {
    case 'counter':
      return counter(object);
    case 'quota':
      return quota(object);
    case 'limit':
      return limit(object);
    default:
      return null;
  }
}
