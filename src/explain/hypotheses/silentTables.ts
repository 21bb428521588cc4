import { parseNft } from '../../frontend/nft/read/parse.js';
import { nftPrinter } from '../../frontend/nft/print/print.js';
import { Hook, HOOK_NAMES } from '../../rules/hook.js';
import type { Ruleset, Table } from '../../rules/model.js';
import { tablesOfNft } from '../../rules/nft/eval/load.js';
import { Diagnostics } from '../../source/diagnostic.js';
import type { Clues } from './clues.js';
import { cameBy } from './edit.js';
import type { Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';

/** Bits for a table of a backend of which no listing was given, and for each hook at which it drops. */
const UNTOLD = 4;
const HOOK = 2;
/** Bits of conditions that nothing simple tells. */
const SOME = 10;

/** Where a table drops, and before or behind all given chains. */
interface Place {
  readonly hook: Hook;
  readonly isBefore: boolean;
}

/**
 * A table of the backend of which no listing was given drops without a log: at one hook, or what comes in and what passes
 * through. Whatever it asks of packets, it drops just those that fare otherwise than on the host.
 */
export function* silentTables(clues: Clues): Generator<Hypothesis> {
  const { ruleset, untold = [] } = clues.world;
  for (const backend of untold)
    for (const places of PLACES) {
      const names = [...new Set(places.map(({ hook }) => HOOK_NAMES[hook]))].join(' and ');
      const which = `one of ${backend === 'nft' ? 'nft' : 'iptables (legacy)'} that drops in ${names} without a log`;
      const choice = Math.max(...places.map(({ hook }) => bitsAt(clues, hook)), SOME);
      yield {
        claim: { kind: 'otherTables', facts: { which, onHost: true } },
        suspect: { backend, tables: `at ${names}` },
        bits: KIND_BITS + UNTOLD + HOOK * places.length + choice,
        frames: null,
        change: () => ({
          ruleset: { ...ruleset, tables: [...ruleset.tables, tableAt(ruleset, places, clues.frames)] },
        }),
      };
    }
}

const SIDES = [true, false];
const PLACES: readonly (readonly Place[])[] = [
  ...Object.values(Hook).flatMap((hook) => SIDES.map((isBefore) => [{ hook, isBefore }])),
  ...SIDES.flatMap((input) =>
    SIDES.map((forward) => [
      { hook: Hook.input, isBefore: input },
      { hook: Hook.forward, isBefore: forward },
    ]),
  ),
];

/** Bits to say which of the packets at a hook are meant, by the given chain there that most of them come to. */
function bitsAt({ world, frames, bitsOfChoice }: Clues, hook: Hook): number {
  const bases = world.ruleset.tables.flatMap((t) =>
    [...t.chains.values()].filter((c) => c.base?.hook === hook),
  );
  return Math.max(0, ...bases.map((chain) => bitsOfChoice(chain, frames)));
}

function tableAt({ tables }: Ruleset, places: readonly Place[], frames: ReadonlySet<number>): Table {
  const chains = places.map(({ hook, isBefore }) => {
    const priorities = tables.flatMap((t) =>
      [...t.chains.values()].flatMap(({ base }) => (base?.hook === hook ? [base.priority] : [])),
    );
    const priority = isBefore ? Math.min(0, ...priorities) - 1 : Math.max(0, ...priorities) + 1;
    const name = HOOK_NAMES[hook].toLowerCase();
    return `chain ${name} {\ntype filter hook ${name} priority ${priority}; policy accept;\ndrop\n}\n`;
  });
  const read = parseNft(`table inet nfreplay-silent {\n${chains.join('')}}\n`, '', new Diagnostics());
  const [table] = tablesOfNft(read, nftPrinter);
  for (const { rules } of table.chains.values())
    rules.splice(0, rules.length, ...rules.map((r) => ({ ...r, steps: [cameBy(frames), ...r.steps] })));
  return table;
}
