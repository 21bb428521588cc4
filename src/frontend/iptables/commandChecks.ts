import { fail, type Letter, NAME_SIZE, type Scan, tooLong } from './scan.js';

/** Options in the order in which iptables checks them (`optflags`, iptables/xshared.c). */
const CHECKED = 'nsdpjvxio0cf';

/** The options that go with each command (`commands_v_options`, iptables/xshared.c). */
const LEGAL: Record<Letter, string> = {
  A: 'sdpjviocf',
  I: 'sdpjviocf',
  R: 'sdpjviocf',
  D: 'sdpjviof',
  C: 'sdpjviof',
  d: 'v',
  L: 'nvx0',
  S: 'v',
  F: 'v',
  Z: 'v',
  z: 'v',
  N: 'v',
  X: 'v',
  E: 'v',
  P: 'vc',
};

/** What only shows once the whole command is known: the end of `do_parse()` (iptables/xshared.c). */
export function checkCommand(scan: Scan): void {
  const { letters, chain, flags } = scan;
  if (letters.includes('R') && (scan.sources?.length ?? 1) * (scan.destinations?.length ?? 1) !== 1)
    fail(scan, 'Replacement rule does not specify a unique address', flags.get('s') ?? scan.words[0]);
  if (letters.length > 0)
    for (const option of CHECKED) {
      const word = flags.get(option);
      if (word && !letters.some((letter) => LEGAL[letter].includes(option)))
        fail(scan, `Illegal option \`-${option}' with this command`, word);
    }
  if (!chain) return;
  if (chain.text.length >= NAME_SIZE && !letters.includes('N')) fail(scan, tooLong(chain.text), chain);
  if (!letters.some((letter) => 'ADdCIR'.includes(letter))) return;
  const out = flags.get('o');
  if (out && (chain.text === 'PREROUTING' || chain.text === 'INPUT'))
    fail(scan, `Can't use -o with ${chain.text}\n`, out);
  const into = flags.get('i');
  if (into && (chain.text === 'POSTROUTING' || chain.text === 'OUTPUT'))
    fail(scan, `Can't use -i with ${chain.text}\n`, into);
}
