import type { Expression, SetElement, Statement } from '../../../rules/nft/model.js';
import { printConstant, type Showing } from '../read/constants.js';
import { isUnqualifiedMeta } from '../headers.js';
import { formatTime } from '../time.js';
import { bitNames, isBitmask } from '../symbols.js';

/** How the statements of an element are printed: by the rule's printer, which knows the counters. */
export type StatementPrinter = (statement: Statement) => string;

const BASE_NAMES = { link: 'll', network: 'nh', transport: 'th', inner: 'ih' } as const;

/** Whether the integers compared with an expression are in hexadecimal: raw payload, and flags without names. */
export function showsHexadecimal(expression: Expression): boolean {
  switch (expression.kind) {
    case 'payload':
      return expression.protocol === null || (expression.protocol === 'comp' && expression.field === 'flags');
    case 'tcpOption':
      // What is a whole byte is listed as a number.
      return expression.field?.startsWith('@') === true && expression.bits !== 8;
    case 'inner':
      return expression.payload.protocol === null;
    case 'binary':
      return showsHexadecimal(expression.left) || isOfTunnel(expression.left);
    default:
      return false;
  }
}

/** `vxlan vni`: nft 1.1.3 has no type for these fields, and lists what they are compared with as bytes, unless with one number. */
export function isOfTunnel(expression: Expression): boolean {
  return expression.kind === 'inner' && expression.payload.base === 'inner';
}

/** How what is compared with an expression, or looked up by it, is shown: each part of a concatenation as it asks. */
export function showingFor(expression: Expression): Showing {
  return expression.kind === 'concat'
    ? { parts: expression.parts.map(showingFor) }
    : { hexadecimal: showsHexadecimal(expression) };
}

export function printExpression(
  expression: Expression,
  statements: StatementPrinter,
  showing: Showing = {},
): string {
  const inner = (e: Expression): string => printExpression(e, statements, showing);
  switch (expression.kind) {
    case 'payload':
      return expression.protocol === null
        ? `@${BASE_NAMES[expression.base]},${expression.offset},${expression.bits}`
        : `${expression.protocol} ${expression.field ?? ''}${expression.shownShift === undefined ? '' : ` >> ${expression.shownShift}`}`;
    case 'inner': {
      const { tunnel, payload } = expression;
      return `${payload.protocol === tunnel ? '' : `${tunnel} `}${inner(payload)}`;
    }
    case 'exthdr':
      return expression.field === null
        ? `exthdr ${expression.header}`
        : `${expression.header} ${expression.field}`;
    case 'tcpOption':
      if (expression.field?.startsWith('@')) return `tcp option ${expression.field}`;
      return `tcp option ${expression.name}${expression.field === null ? '' : ` ${expression.field}`}`;
    case 'ipOption':
      return `ip option ${expression.name}${expression.field === null ? '' : ` ${expression.field}`}`;
    case 'sctpChunk':
      return `sctp chunk ${expression.name}${expression.field === null ? '' : ` ${expression.field}`}`;
    case 'meta':
      return isUnqualifiedMeta(expression.key) ? expression.key : `meta ${expression.key}`;
    case 'ct': {
      const direction = expression.direction === null ? '' : `${expression.direction} `;
      return `ct ${direction}${expression.family === null ? '' : `${expression.family} `}${expression.key}`;
    }
    case 'fib':
      return `fib ${expression.flags.join(' . ')} ${expression.result}`;
    case 'rt':
      return `rt ${expression.family === null ? '' : `${expression.family} `}${expression.key}`;
    case 'socket':
      return `socket ${expression.key}${expression.level === null ? '' : ` level ${expression.level}`}`;
    case 'osf':
      return `osf ${expression.ttl === null ? '' : `ttl ${expression.ttl} `}${expression.key}`;
    case 'ipsec': {
      const spnum = expression.spnum === 0 ? '' : ` spnum ${expression.spnum}`;
      return `ipsec ${expression.direction}${spnum}${expression.family === null ? '' : ` ${expression.family}`} ${expression.key}`;
    }
    case 'numgen':
      return `numgen ${expression.mode} mod ${expression.modulus}${offsetText(expression.offset)}`;
    case 'hash': {
      const what = expression.expression ? ` ${inner(expression.expression)}` : '';
      const seed = expression.seed === null ? '' : ` seed 0x${expression.seed.toString(16)}`;
      return `${expression.algorithm}${what} mod ${expression.modulus}${seed}${offsetText(expression.offset)}`;
    }
    case 'binary': {
      const shift = expression.operator === '<<' || expression.operator === '>>';
      const left = inner(expression.left);
      const nested = expression.left.kind === 'binary' && shift ? `(${left})` : left;
      const right = shift
        ? printExpression(expression.right, statements, {})
        : printMask(expression.right, statements, {
            ...showing,
            hexadecimal:
              showsHexadecimal(expression.left) || isOfTunnel(expression.left) || showing.hexadecimal,
          });
      return `${nested} ${expression.operator} ${right}`;
    }
    case 'concat':
      return expression.parts
        .map((part, i) => printExpression(part, statements, showing.parts?.[i] ?? showing))
        .join(' . ');
    case 'set':
      return printElements(expression.elements, statements, showing);
    case 'setReference':
      return `@${expression.name}`;
    case 'map': {
      const own = showingFor(expression.key);
      return `${inner(expression.key)} map ${printExpression(expression.map, statements, own)}`;
    }
    default:
      return printConstant(expression, showing);
  }
}

/** Several flags as an operand are in parentheses. */
function printMask(mask: Expression, statements: StatementPrinter, showing: Showing): string {
  const text = printExpression(mask, statements, showing);
  const several =
    mask.kind === 'integer' && isBitmask(mask.type) && (bitNames(mask.type, mask.value)?.length ?? 0) > 1;
  return several ? `(${text})` : text;
}

function offsetText(offset: number): string {
  return offset === 0 ? '' : ` offset ${offset}`;
}

function printElements(
  elements: readonly SetElement[],
  statements: StatementPrinter,
  showing: Showing,
): string {
  return `{ ${elements.map((e) => printElement(e, statements, showing)).join(', ')} }`;
}

/** An element with what is said about it, and its data. */
export function printElement(
  element: SetElement,
  statements: StatementPrinter,
  showing: Showing = {},
): string {
  let text = printExpression(element.key, statements, showing);
  for (const statement of element.statements) text += ` ${statements(statement)}`;
  text += optionsText(element);
  if (!element.data) return text;
  const data =
    element.data.kind === 'string' ? `"${element.data.value}"` : printExpression(element.data, statements);
  return `${text} : ${data}`;
}

export function optionsText(element: Pick<SetElement, 'timeout' | 'expires' | 'comment'>): string {
  const timeout = element.timeout === null ? '' : ` timeout ${formatTime(element.timeout)}`;
  const expires = element.expires === null ? '' : ` expires ${formatTime(element.expires)}`;
  return `${timeout}${expires}${element.comment === null ? '' : ` comment "${element.comment}"`}`;
}
