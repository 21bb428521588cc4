import { printIpsetSave } from '../../frontend/ipset/print.js';
import { readIpsetSave } from '../../frontend/ipset/read.js';
import { Diagnostics } from '../../source/diagnostic.js';
import type { Clues } from './clues.js';
import type { Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';

/** Elements tried for leaving a set, and for coming in. */
const MOST_ELEMENTS = 64;
const MOST_NEW = 32;

/** Elements of the ipsets that differing packets were asked of, one less or one more. */
export function* elementChanges(clues: Clues): Generator<Hypothesis> {
  const { world } = clues;
  const asked = clues.rules.map((r) => r.what.text).join('\n');
  const sets = world.sets();
  const used = [...sets.values()].filter((s) => asked.includes(` ${s.name} `));
  if (used.length === 0) return;
  const lines = printIpsetSave(sets, 0).split('\n');
  const bits = KIND_BITS + Math.log2(lines.length) + 1;
  const change = (set: string, element: string, onHost: boolean, text: readonly string[]): Hypothesis => ({
    claim: { kind: 'setElement', facts: { set, table: null, element, onHost } },
    suspect: { set, element },
    bits: bits + (onHost ? 1 : 0),
    frames: null,
    change: () => {
      const diagnostics = new Diagnostics();
      readIpsetSave(text.join('\n'), '', diagnostics);
      if (diagnostics.hasErrors) return null;
      return { sets: () => readIpsetSave(text.join('\n'), '', new Diagnostics()) };
    },
  });
  for (const { name, type } of used) {
    const own = lines.filter((l) => l.startsWith(`add ${name} `));
    const held = new Set(own.map((l) => l.split(' ')[2]));
    for (const line of own.slice(0, MOST_ELEMENTS))
      yield change(
        name,
        line.split(' ')[2],
        false,
        lines.filter((l) => l !== line),
      );
    const fresh = newElements(clues, type.name).filter((e) => !held.has(e));
    for (const element of fresh.slice(0, MOST_NEW))
      yield change(name, element, true, [...lines, `add ${name} ${element}`, '']);
  }
}

/** Elements that differing packets would be found by; the name of a type tells its fields: `hash:ip,port`. */
function newElements({ walks, frames }: Clues, type: string): string[] {
  const fields = type.slice(type.indexOf(':') + 1).split(',');
  const isHash = type.startsWith('hash:');
  const out = new Set<string>();
  for (const { frame, traits } of walks.visits) {
    if (!frames.has(frame) || out.size >= 4 * MOST_NEW) continue;
    let elements: string[][] = [[]];
    for (const field of fields) {
      const values = valuesOf(field, traits, isHash);
      elements = elements.flatMap((parts) => values.map((value) => [...parts, value]));
    }
    for (const parts of elements) out.add(parts.join(','));
  }
  return [...out];
}

function valuesOf(field: string, traits: readonly string[], withProtocol: boolean): string[] {
  const addresses = traits.flatMap((t) => (/^-[sd] /.test(t) ? [t.slice(3).replace(/\/(32|128)$/, '')] : []));
  switch (field) {
    case 'ip':
      return addresses;
    case 'net':
      return addresses.flatMap((a) => [a, a.includes(':') ? `${a}/64` : `${a.replace(/\d+$/, '0')}/24`]);
    case 'port':
      return traits.flatMap((t) => {
        const m = /^-p (\S+) .*--[sd]port (\d+)$/.exec(t);
        return m ? [withProtocol ? `${m[1]}:${m[2]}` : m[2]] : [];
      });
    case 'iface':
      return traits.flatMap((t) => (/^-[io] /.test(t) ? [t.slice(3)] : []));
    default:
      return [];
  }
}
