import { modelValues } from '../../frontend/nft/print/print.js';
import { printStatement } from '../../frontend/nft/print/printStatement.js';
import type { Rule } from '../../rules/model.js';
import { nameOf } from '../../rules/nft/eval/describe.js';
import { optionOf, textOf, withMatch, withOption, wordsOf } from '../change.js';
import { nftRuleOf } from '../nftChange.js';
import type { FailedCondition } from '../result.js';

/** A rule in other words. */
export interface Reworded {
  readonly text: string;
  /** What is new. */
  readonly words: string;
}

type Failed = Pick<FailedCondition, 'name' | 'wanted'>;

/** How the words of a rule are changed, in its own language. */
export interface Wording {
  readonly text: string;
  /** The condition asks for another value; null: it cannot be said. */
  withValue(failed: Failed, value: string): Reworded | null;
  /**
   * The connection is asked instead of the packet.
   * @param option of -m conntrack: `ctorigdstport`
   */
  withTuple(failed: Failed, option: string): Reworded | null;
  /** Without what a hook cannot answer. */
  atHook(hook: string): string;
}

export function wordingOf(rule: Rule): Wording {
  return rule.chain.table.nft ? nftWording(rule) : iptablesWording(rule);
}

/** A text with one more test: the direction of the connection. */
export function inDirection(rule: Rule, text: string, direction: 'ORIGINAL' | 'REPLY'): Reworded | null {
  if (rule.chain.table.nft) {
    const words = `ct direction ${direction.toLowerCase()}`;
    return text.includes('ct direction') ? null : { text: `${words} ${text}`, words };
  }
  if (text.includes('--ctdir')) return null;
  const words = `--ctdir ${direction}`;
  return { text: textOf(withMatch(wordsOf(text), 'conntrack', ['--ctdir', direction])), words };
}

function iptablesWording({ text }: Rule): Wording {
  return {
    text,
    withValue({ name }, value) {
      const option = optionOf(name);
      const words = withOption(wordsOf(text), option, value);
      return words && { text: textOf(words), words: textOf([option, value]) };
    },
    withTuple({ name, wanted }, option) {
      const without = withOption(wordsOf(text), optionOf(name), null);
      // -m conntrack takes one port, range or network.
      if (!without || !/^[0-9a-fA-F:./]+$/.test(wanted)) return null;
      const given = [`--${option}`, wanted];
      return {
        text: textOf(withMatch(without, 'conntrack', given)),
        words: textOf(['-m', 'conntrack', ...given]),
      };
    },
    atHook(hook) {
      const words = wordsOf(text);
      const at = hook === 'PREROUTING' || hook === 'INPUT' ? words.indexOf('-o') : -1;
      if (at < 0) return text;
      return textOf(words.filter((_, i) => i !== at && i !== at + 1 && !(i === at - 1 && words[i] === '!')));
    },
  };
}

function nftWording(rule: Rule): Wording {
  const { family } = rule.chain.table;
  const { statements = [], comment = null } = nftRuleOf(rule) ?? {};
  // Counters begin anew.
  const parts = statements.map((s) =>
    s.kind === 'counter' ? 'counter' : printStatement(s, family, modelValues),
  );
  const said = (all: readonly string[]): string =>
    [...all, ...(comment === null ? [] : [`comment "${comment}"`])].filter((p) => p !== '').join(' ');
  const instead = ({ name, wanted }: Failed, words: string): Reworded | null => {
    const at = parts.indexOf(`${name} ${wanted}`);
    return at < 0 ? null : { text: said(parts.with(at, words)), words };
  };
  return {
    text: said(parts),
    withValue: (failed, value) =>
      instead(failed, `${failed.name} ${/^[io]ifname$/.test(failed.name) ? `"${value}"` : value}`),
    withTuple(failed, option) {
      const [, side, end, port] = /^ct(orig|repl)(src|dst)(port)?$/.exec(option) ?? [];
      const [protocol, field] = failed.name.split(' ');
      const direction = side === 'orig' ? 'original' : 'reply';
      if (field !== 'sport' && field !== 'dport')
        return instead(
          failed,
          `ct ${direction} ${protocol} ${end === 'src' ? 'saddr' : 'daddr'} ${failed.wanted}`,
        );
      if (!port) return null;
      const asked = protocol === 'th' ? '' : `meta l4proto ${protocol} `;
      return instead(failed, `${asked}ct ${direction} proto-${end} ${failed.wanted}`);
    },
    atHook(hook) {
      if (hook !== 'PREROUTING' && hook !== 'INPUT') return said(parts);
      return said(
        parts.filter((_, i) => {
          const statement = statements[i];
          return statement.kind !== 'match' || !/^oif/.test(nameOf(statement.left));
        }),
      );
    },
  };
}
