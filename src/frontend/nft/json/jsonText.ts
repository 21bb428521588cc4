/**
 * The JSON form of a ruleset (libnftables-json(5)) as text of the grammar, so that both are read by one reader.
 * Strings are quoted, so that nothing in them is read as syntax. What is not known is shown as `?`, which no grammar reads.
 */
type Json = unknown;
type JsonObject = Readonly<Record<string, unknown>>;

const DEEPEST = 48;
/** No statement and no expression: the rule around it is reported and kept as unknown. */
const UNREADABLE = '?';

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON string as one quoted token; nft strings hold neither quotes nor line ends. What is none stays unreadable. */
export function quoted(value: Json): string {
  const text = scalar(value);
  return text === UNREADABLE && value !== UNREADABLE ? text : `"${text.replace(/["\r\n]/g, '?')}"`;
}

function scalar(value: Json): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : UNREADABLE;
}

/** A word of the grammar: names of fields, keys and flags. */
function word(value: Json): string {
  const text = scalar(value);
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text) ? text : UNREADABLE;
}

function number(value: Json): string {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? String(value) : UNREADABLE;
}

function list(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

/** The only key of an object with its value. */
function only(value: Json): readonly [key: string, value: Json] | undefined {
  if (!isObject(value)) return undefined;
  const keys = Object.keys(value);
  return keys.length === 1 ? [keys[0], value[keys[0]]] : undefined;
}

function optional(name: string, value: Json): string {
  return value === undefined || value === null ? '' : ` ${name} ${number(value)}`;
}

const OPERATORS: readonly string[] = ['|', '^', '&', '<<', '>>'];
const VERDICTS: readonly string[] = ['accept', 'drop', 'continue', 'return'];

export function expressionText(value: Json, depth = 0): string {
  if (depth > DEEPEST) return UNREADABLE;
  const inner = (v: Json): string => expressionText(v, depth + 1);
  if (typeof value === 'string') {
    if (value === '*') return '*';
    return value.startsWith('@') ? `@${quoted(value.slice(1))}` : quoted(value);
  }
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : UNREADABLE;
  if (typeof value === 'boolean') return value ? 'exists' : 'missing';
  if (Array.isArray(value)) return value.map(inner).join(',');
  const entry = only(value);
  if (!entry) return UNREADABLE;
  const [kind, content] = entry;
  if (OPERATORS.includes(kind))
    return list(content)
      .map((v) => operand(v, inner))
      .join(` ${kind} `);
  if (VERDICTS.includes(kind)) return kind;
  switch (kind) {
    case 'jump':
    case 'goto':
      return `${kind} ${quoted(isObject(content) ? content.target : content)}`;
    case 'set':
      return typeof content === 'string'
        ? inner(content)
        : `{ ${list(content)
            .map((e) => elementText(e, depth + 1))
            .join(', ')} }`;
    case 'concat':
      return list(content).map(inner).join(' . ');
    case 'range':
      return list(content).map(inner).join('-');
    case 'elem':
      return elementText(value, depth + 1);
    default:
      return isObject(content) ? keyedText(kind, content, inner) : UNREADABLE;
  }
}

/** Flags and operations that are operands of another operation are in parentheses. */
function operand(value: Json, inner: (v: Json) => string): string {
  if (Array.isArray(value)) return `(${value.map(inner).join(' | ')})`;
  const entry = only(value);
  return entry && OPERATORS.includes(entry[0]) ? `(${inner(value)})` : inner(value);
}

function keyedText(kind: string, o: JsonObject, inner: (v: Json) => string): string {
  switch (kind) {
    case 'prefix':
      return `${inner(o.addr)}/${number(o.len)}`;
    case 'map':
      return `${inner(o.key)} map ${inner(o.data)}`;
    case 'payload':
      return 'protocol' in o
        ? `${o.tunnel === undefined || o.tunnel === o.protocol ? '' : `${word(o.tunnel)} `}${word(o.protocol)} ${scalar(o.field).split(' ').map(word).join(' ')}`
        : `@${word(o.base)},${number(o.offset)},${number(o.len)}`;
    case 'meta':
      return `meta ${word(o.key)}`;
    case 'ct': {
      const direction = o.dir === undefined ? '' : `${word(o.dir)} `;
      const family = o.family === undefined ? '' : `${word(o.family)} `;
      return `ct ${direction}${family}${scalar(o.key).split(' ').map(word).join(' ')}`;
    }
    case 'fib':
      return `fib ${list(o.flags).map(word).join(' . ')} ${word(o.result)}`;
    case 'rt':
      return `rt ${o.family === undefined ? '' : `${word(o.family)} `}${word(o.key)}`;
    case 'socket':
      return `socket ${word(o.key)}${optional('level', o.level)}`;
    case 'osf':
      return `osf ${o.ttl === undefined ? '' : `ttl ${word(o.ttl)} `}${word(o.key)}`;
    case 'ipsec': {
      const family = o.family === undefined ? '' : `${word(o.family)} `;
      return `ipsec ${word(o.dir)}${optional('spnum', o.spnum)} ${family}${word(o.key)}`;
    }
    case 'numgen':
      return `numgen ${word(o.mode)} mod ${number(o.mod)}${optional('offset', o.offset)}`;
    case 'jhash':
      return `jhash ${inner(o.expr)} mod ${number(o.mod)}${optional('seed', o.seed)}${optional('offset', o.offset)}`;
    case 'symhash':
      return `symhash mod ${number(o.mod)}${optional('offset', o.offset)}`;
    case 'exthdr': {
      if (o.field === undefined) return `exthdr ${word(o.name)}`;
      const field = /^(\w[\w-]*)\[(\d{1,3})\]$/.exec(scalar(o.field));
      return field ? `${word(o.name)} ${field[1]}[${field[2]}]` : `${word(o.name)} ${word(o.field)}`;
    }
    case 'tcp option':
      if ('base' in o) return `tcp option @${number(o.base)},${number(o.offset)},${number(o.len)}`;
      return `tcp option ${word(o.name)}${o.field === undefined ? '' : ` ${word(o.field)}`}`;
    case 'ip option':
      return `ip option ${word(o.name)}${o.field === undefined ? '' : ` ${word(o.field)}`}`;
    case 'sctp chunk':
      return `sctp chunk ${word(o.name)}${o.field === undefined ? '' : ` ${word(o.field)}`}`;
    default:
      return UNREADABLE;
  }
}

/** An element of a set: a value, `[key, data]` of a map, or `{ elem: … }` with what else is said about it. */
export function elementText(value: Json, depth = 0): string {
  if (depth > DEEPEST) return UNREADABLE;
  if (Array.isArray(value) && value.length === 2)
    return `${elementText(value[0], depth + 1)} : ${expressionText(value[1], depth + 1)}`;
  const entry = only(value);
  if (entry?.[0] !== 'elem' || !isObject(entry[1])) return expressionText(value, depth + 1);
  const o = entry[1];
  const parts = [expressionText(o.val, depth + 1)];
  for (const key of ['counter', 'limit', 'quota', 'last', 'ct count'])
    if (key in o) parts.push(statementText({ [key]: o[key] }, depth + 1));
  for (const key of ['timeout', 'expires']) if (key in o) parts.push(`${key} ${number(o[key])}s`);
  if (o.comment !== undefined) parts.push(`comment ${quoted(o.comment)}`);
  return parts.join(' ');
}

/** `jump { … }`, whose braces close at its end alone. */
function isBlock(text: string): boolean {
  if (!/^(?:jump|goto) \{\n[^]*\}$/.test(text)) return false;
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') open++;
    else if (text[i] === '}' && --open === 0) return i === text.length - 1;
  }
  return false;
}

/** One statement of a rule. What nft itself has no JSON for is a string in the text's own grammar. */
export function statementText(value: Json, depth = 0): string {
  if (depth > DEEPEST) return UNREADABLE;
  if (typeof value === 'string')
    return isBlock(value)
      ? value.replace(/[;\r#]/g, ' ')
      : value.replace(/[;\r\n{}#]/g, (c) => (c === '{' || c === '}' ? c : ' '));
  const entry = only(value);
  if (!entry) return UNREADABLE;
  const [kind, content] = entry;
  const inner = (v: Json): string => expressionText(v, depth + 1);
  const o: JsonObject = isObject(content) ? content : {};
  const named = (text: () => string): string =>
    typeof content === 'string'
      ? `${kind} name ${quoted(content)}`
      : 'map' in o
        ? `${kind} name ${inner(content)}`
        : text();
  switch (kind) {
    case 'match':
      return matchText(o, inner);
    case 'counter':
      return named(() =>
        content === null ? 'counter' : `counter packets ${number(o.packets)} bytes ${number(o.bytes)}`,
      );
    case 'limit':
      return named(() => `limit ${rateJsonText(o)}`);
    case 'quota':
      return named(() => `quota ${quotaJsonText(o)}`);
    case 'synproxy':
      return named(() => `synproxy${synProxyJsonText(o)}`);
    case 'last':
      return typeof o.used === 'number' ? `last used ${number(o.used)}ms` : 'last';
    case 'ct count':
      return `ct count ${o.inv === true ? 'over ' : ''}${number(o.val)}`;
    case 'ct helper':
    case 'ct timeout':
    case 'ct expectation':
      return `${kind} set ${typeof content === 'string' ? quoted(content) : inner(content)}`;
    case 'log':
      return logText(o);
    case 'vmap':
      return `${inner(o.key)} vmap ${inner(o.data)}`;
    case 'reject':
      return rejectText(o);
    case 'snat':
    case 'dnat':
    case 'masquerade':
    case 'redirect':
      return natText(kind, o, inner);
    case 'mangle':
      return `${inner(o.key)} set ${inner(o.value)}`;
    case 'reset':
      return `reset ${inner(content)}`;
    case 'notrack':
      return kind;
    case 'queue': {
      const flags = list(o.flags).map(word).join(',');
      return `queue${flags === '' ? '' : ` flags ${flags}`}${o.num === undefined ? '' : ` to ${inner(o.num)}`}`;
    }
    case 'dup':
      return 'addr' in o
        ? `dup to ${inner(o.addr)}${'dev' in o ? ` device ${inner(o.dev)}` : ''}`
        : `dup to ${inner(o.dev)}`;
    case 'fwd':
      return 'addr' in o
        ? `fwd ${word(o.family ?? 'ip')} to ${inner(o.addr)} device ${inner(o.dev)}`
        : `fwd to ${inner(o.dev)}`;
    case 'tproxy':
      return `tproxy ${o.family === undefined ? '' : `${word(o.family)} `}to ${bracketed(o, inner)}`;
    case 'flow':
      return `flow add ${inner(o.flowtable)}`;
    case 'set':
    case 'map': {
      const statements = list(o.stmt).map((s) => ` ${statementText(s, depth + 1)}`);
      const data = kind === 'map' ? ` : ${inner(o.data)}` : '';
      return `${word(o.op)} ${inner(kind === 'map' ? o.map : o.set)} { ${elementText(o.elem, depth + 1)}${statements.join('')}${data} }`;
    }
    case 'meter':
      return `meter ${quoted(o.name)}${optional('size', o.size)} { ${elementText(o.key, depth + 1)} ${statementText(o.stmt, depth + 1)} }`;
    case 'xt':
      return `xt ${word(o.type)} ${quoted(o.name)}`;
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
    case 'jump':
    case 'goto':
      return inner(value);
    default:
      return UNREADABLE;
  }
}

/** A TCP option without a name, of which the kind is asked for, as nft writes `tcp option 6 exists`. */
function unnamedOption(left: Json): string | undefined {
  const entry = only(left);
  if (entry?.[0] !== 'tcp option' || !isObject(entry[1]) || !('base' in entry[1])) return undefined;
  const { base, offset, len } = entry[1];
  return offset === 0 && len === 8 ? number(base) : undefined;
}

function matchText(o: JsonObject, inner: (v: Json) => string): string {
  const written: Record<string, string | undefined> = { in: '', '!': '! ' };
  const operator = scalar(o.op);
  const option = typeof o.right === 'boolean' ? unnamedOption(o.left) : undefined;
  if (option !== undefined) return `tcp option ${option} ${o.right === true ? 'exists' : 'missing'}`;
  const negated = operator === '!=' && typeof o.right === 'boolean';
  const right = negated ? !o.right : o.right;
  const plain = typeof right === 'boolean' ? '' : undefined;
  const known = ['==', '!=', '<', '>', '<=', '>='].includes(operator) ? `${operator} ` : UNREADABLE;
  return `${inner(o.left)} ${plain ?? written[operator] ?? known}${inner(right)}`;
}

export function rateJsonText(o: JsonObject): string {
  const over = o.inv === true ? 'over ' : '';
  const burst = (unit: string): string => (o.burst === undefined ? '' : ` burst ${number(o.burst)} ${unit}`);
  if (o.rate_unit === undefined || o.rate_unit === 'packets')
    return `rate ${over}${number(o.rate)}/${word(o.per)}${burst('packets')}`;
  return `rate ${over}${number(o.rate)} ${word(o.rate_unit)}/${word(o.per)}${burst(word(o.burst_unit ?? 'bytes'))}`;
}

/** A quota statement has units, a quota object plain bytes. */
export function quotaJsonText(o: JsonObject): string {
  const over = o.inv === true ? 'over ' : '';
  const used = o.used === undefined ? '' : ` used ${number(o.used)} ${word(o.used_unit ?? 'bytes')}`;
  return `${over}${number(o.val ?? o.bytes)} ${word(o.val_unit ?? 'bytes')}${used}`;
}

export function synProxyJsonText(o: JsonObject): string {
  const flags = list(o.flags).map((f) => ` ${word(f)}`);
  return `${optional('mss', o.mss)}${optional('wscale', o.wscale)}${flags.join('')}`;
}

function logText(o: JsonObject): string {
  let text = 'log';
  if (o.prefix !== undefined) text += ` prefix ${quoted(o.prefix)}`;
  text +=
    optional('group', o.group) +
    optional('snaplen', o.snaplen) +
    optional('queue-threshold', o['queue-threshold']);
  if (o.level !== undefined) text += ` level ${word(o.level)}`;
  for (const flag of list(o.flags)) text += ` flags ${scalar(flag).split(' ').map(word).join(' ')}`;
  return text;
}

function rejectText(o: JsonObject): string {
  if (o.type === undefined) return 'reject';
  if (o.type === 'tcp reset') return 'reject with tcp reset';
  return `reject with ${word(o.type)} ${typeof o.expr === 'number' ? number(o.expr) : quoted(o.expr)}`;
}

/** Address and port of a translation; IPv6 before a port is in brackets. */
function bracketed(o: JsonObject, inner: (v: Json) => string): string {
  const address =
    o.addr === undefined ? '' : o.port === undefined ? inner(o.addr) : bracketedAddress(o.addr, inner);
  return `${address}${o.port === undefined ? '' : `:${inner(o.port)}`}`;
}

function bracketedAddress(address: Json, inner: (v: Json) => string): string {
  if (typeof address === 'string') return `[${inner(address)}]`;
  const entry = only(address);
  if (entry?.[0] === 'range')
    return list(entry[1])
      .map((a) => `[${inner(a)}]`)
      .join('-');
  return inner(address);
}

function natText(kind: string, o: JsonObject, inner: (v: Json) => string): string {
  const family = o.family === undefined ? '' : ` ${word(o.family)}`;
  const types = list(o.type_flags);
  const type = types.includes('prefix') || list(o.flags).includes('netmap') ? ' prefix' : '';
  const to = o.addr === undefined && o.port === undefined ? '' : ` to ${bracketed(o, inner)}`;
  // `netmap` is how the kernel keeps `prefix`.
  const flags = list(o.flags)
    .filter((f) => f !== 'netmap')
    .map(word)
    .join(',');
  return `${kind}${to === '' ? '' : family}${type}${to}${flags === '' ? '' : ` ${flags}`}`;
}
