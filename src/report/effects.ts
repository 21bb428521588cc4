import type { Effect, FateChange } from '../explain/result.js';

/** What a changed ruleset does to the packets of a capture, in a sentence. */
export function effectWords(effect: Pick<Effect, 'fates' | 'altered' | 'consequent'>): string {
  const parts = effectParts(effect);
  return parts.length > 0 ? parts.join('; ') : 'no packet fares otherwise';
}

/** The same in parts; none where no packet fares otherwise. */
export function effectParts({
  fates,
  altered,
  consequent,
}: Pick<Effect, 'fates' | 'altered' | 'consequent'>): string[] {
  const effects = fates.map(fateWords);
  if (altered > 0) effects.push(`${packets(altered)} would leave otherwise than now`);
  if (consequent > 0) effects.push(`${packets(consequent)} after them would then not have been there`);
  return effects;
}

export function fateWords({ before, after, count, frames: which }: FateChange): string {
  const be = count === 1 ? 'is' : 'are';
  const was = count === 1 ? 'was' : 'were';
  return `${packets(count)} ${be} ${after} that ${was} ${before} (${frames(which, count)})`;
}

export function frames(which: readonly number[], count: number): string {
  const more = count > which.length ? ', …' : '';
  return `packet${count === 1 ? '' : 's'} ${which.join(', ')}${more}`;
}

export function packets(count: number): string {
  return counted(count, 'packet');
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
