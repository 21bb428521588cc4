import type { Diagnostics } from '../../../source/diagnostic.js';
import { Protocol } from '../../../packet/numbers.js';
import type { NftRule, Payload, Statement } from '../../../rules/nft/model.js';
import { type Part, partsOf } from '../../../rules/nft/parts.js';
import { isProtocol } from '../canonical/adjacent.js';
import { asksForTransport, canonical } from '../canonical/canonical.js';
import type { RuleContext } from '../context.js';
import { placeOf, positionOf, type Token } from './lexer.js';
import { withLostProtocols } from './lost.js';
import { readRawComparison } from './rawFields.js';
import { readStatement } from './statements.js';
import { Refusal, reportRefusal, type TokenStream } from './stream.js';
import { EXTENSION } from '../vocabulary.js';

/**
 * One rule, up to the end of its line, its semicolon or the brace after it. What cannot be read is reported, and the
 * rule stays as one statement that holds its text.
 */
export function readRule(stream: TokenStream, context: RuleContext, diagnostics: Diagnostics): NftRule {
  const start = stream.peek();
  const place = stream.place;
  const position = positionOf(start);
  try {
    const { statements, comment } = readWhole(stream, context);
    if (hidesExtension(stream, place)) throw new Refusal(EXTENSION, stream.at(stream.place - 1));
    if (statements.some((s) => s.kind === 'match' && s.lost === 'comparison'))
      diagnostics.warning('nft lists two comparisons as this one, and not of which field the other is', {
        ...placeOf(start),
        advice: 'Give the file that the rules were loaded from: what passes this one is undecidable.',
      });
    return {
      handle: handleAt(stream, place),
      comment,
      statements: canonical(
        context.listed ? withLostProtocols(statements) : statements,
        context.family,
        context.listed,
      ),
      position,
    };
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    stream.returnTo(place);
    stream.skipStatement();
    const text = textBetween(stream, place);
    const xt = refusal.message === EXTENSION || /\bxt (match|target|watcher) "/.test(text);
    if (xt)
      diagnostics.warning('nft cannot show this iptables extension', {
        ...placeOf(refusal.token ?? start),
        advice: 'Give the output of iptables-save as well: it says what nft does not.',
      });
    else reportRefusal(new Refusal(refusal.message, refusal.token ?? start), diagnostics);
    return {
      handle: handleAt(stream, place),
      comment: null,
      statements: [{ kind: 'unknown', text, xt }],
      position,
    };
  }
}

interface Whole {
  readonly statements: readonly Statement[];
  readonly comment: string | null;
}

/** A rule's statements; where nft puts `meta l4proto tcp` before all of them, as they read behind that. */
function readWhole(stream: TokenStream, context: RuleContext): Whole {
  const { place } = stream;
  const whole = readStatements(stream, context);
  if (context.listed || !isTcpByReset(whole.statements)) return whole;
  stream.returnTo(place);
  const known = context.anew();
  const isTcp = isProtocol(Protocol.tcp);
  known.learn(isTcp);
  const { statements, comment } = readStatements(stream, known);
  return { statements: [isTcp, ...statements], comment };
}

function readStatements(stream: TokenStream, context: RuleContext): Whole {
  const start = stream.peek();
  const statements: Statement[] = [];
  let comment: string | null = null;
  let ended: Token | null = null;
  while (!stream.atStop()) {
    if (comment !== null) stream.fail('newline or semicolon');
    if (stream.isWord('comment') && isComment(stream) && statements.length > 0) {
      stream.next();
      comment = readComment(stream);
      continue;
    }
    const at = stream.peek();
    const raw = context.listed ? undefined : readRawComparison(stream, context);
    const statement = raw ?? readStatement(stream, context);
    if (ended) throw new Refusal('Statement after terminal statement has no effect', at);
    if (isTerminal(statement)) ended = at;
    context.learn(statement);
    statements.push(statement);
  }
  if (statements.length === 0) stream.fail('a statement', start);
  return { statements, comment };
}

/**
 * Whether that packets are of TCP is said by `reject with tcp reset` alone (`stmt_evaluate_reset()`, src/evaluate.c), and
 * fields of a transport header are read that have a name in TCP's.
 */
function isTcpByReset(statements: readonly Statement[]): boolean {
  const last = statements.at(-1);
  if (last?.kind !== 'reject' || last.with !== 'tcp reset' || asksForTransport(statements)) return false;
  return statements.some((statement) => [...partsOf(statement)].some(isAnyTransport));
}

function isAnyTransport(part: Part): boolean {
  if (part.kind !== 'payload') return false;
  const { base, protocol } = part as Payload;
  return base === 'transport' && (protocol === 'th' || protocol === null);
}

/**
 * Whether nft left an extension out of the rule that ends here: of one that it does not know a blank is left, older versions
 * wrote what iptables calls it behind a `#`, which hides the rest of the rule (`xt_stmt_xlate()`, src/xt.c of nftables).
 */
function hidesExtension(stream: TokenStream, from: number): boolean {
  if (stream.peek().kind !== 'newline') return false;
  const { source, end } = stream.at(Math.max(from, stream.place - 1));
  const newline = source.text.indexOf('\n', end);
  const rest = source.text.slice(end, newline < 0 ? undefined : newline);
  return (
    /^[ \t]*#.*\bcounter packets \d+ bytes \d+/.test(rest) || (stream.byIptables && /^[ \t]+$/.test(rest))
  );
}

function isComment(stream: TokenStream): boolean {
  const next = stream.peek(1);
  return next.kind === 'string' || next.kind === 'word';
}

function isTerminal(statement: Statement): boolean {
  return (
    statement.kind === 'reject' ||
    statement.kind === 'nat' ||
    statement.kind === 'queue' ||
    statement.kind === 'fwd' ||
    (statement.kind === 'verdict' && statement.verdict.kind !== 'continue')
  );
}

/** Most characters of a comment (NFTNL_UDATA_COMMENT_MAXLEN, src/parser_bison.y of nftables). */
const LONGEST_COMMENT = 128;

function readComment(stream: TokenStream): string {
  const at = stream.peek();
  const comment = stream.expectString();
  if (comment.length > LONGEST_COMMENT)
    stream.refuse(`comment too long, ${LONGEST_COMMENT} characters maximum allowed`, at);
  return comment;
}

/** The number of `# handle N` (nft -a) on the line where a thing ends. */
export function handleAt(stream: TokenStream, from: number): number | null {
  const token = stream.at(Math.max(from, stream.place - 1));
  if (token.source.handles.size === 0) return null;
  return token.source.handles.get(positionOf(token).line) ?? null;
}

/** As written on one line, from the token at `place` to the one before the present; without comments. */
function textBetween(stream: TokenStream, place: number): string {
  let text = '';
  for (let i = place; i < stream.place; i++) {
    const token = stream.at(i);
    if (token.kind === 'newline') continue;
    const before = i > place ? stream.at(i - 1) : token;
    const apart = before.source !== token.source || before.end < token.start;
    if (text !== '' && (apart || before.kind === 'newline')) text += ' ';
    // The tokens of a variable's value all stand where it is used.
    text +=
      before !== token && before.source === token.source && before.start === token.start
        ? ''
        : asWritten(token);
  }
  return text;
}

function asWritten(token: Token): string {
  return token.source.text.slice(token.start, token.end);
}
