import { leadingUint } from './integers.js';
import type { OptionList } from './options.js';

/** What iptables says when the kernel refuses a rule that the program itself found nothing wrong with: EINVAL, and ERANGE. */
export const KERNEL_REFUSES = "Invalid argument. Run `dmesg' for more information.";
export const KERNEL_OUT_OF_RANGE = 'Numerical result out of range.';

/** Whether it is the kernel that would refuse a rule with these words. */
export function isByKernel(message: string): boolean {
  return message === KERNEL_REFUSES || message === KERNEL_OUT_OF_RANGE;
}

/** The words of libxtables for what is wrong with the options of an extension, without the program's name before them. */
export const refusal = {
  missing: (extension: string, option: string) => `${extension}: option "${option}" must be specified`,
  together: (extension: string, option: string, other: string) =>
    `${extension}: option "${option}" cannot be used together with "${other}".`,
  outOfRange: (extension: string, option: string, min: number, max: number | bigint) =>
    `${extension}: bad value for option "${option}", or out of range (${min}-${max}).`,
  /** `xtopt_parse_mint()` (libxtables/xtoptions.c): the text from the part on that is no number, or too large. */
  badRange: (extension: string, option: string, text: string, max: number | bigint): string => {
    let near = text;
    for (let part = 0; ; part++) {
      if (part === 2) return `${extension}: Too many components for option "${option}" (max: 2)`;
      const found = near === '' || near.startsWith(':') ? { rest: near } : leadingUint(near, Number(max));
      if (!found) break;
      if (!found.rest.startsWith(':'))
        return `${extension}: Argument to "${option}" has unexpected characters near "${found.rest}".`;
      near = found.rest.slice(1);
    }
    return refusal.outOfRangeNear(extension, option, near, max);
  },
  outOfRangeNear: (extension: string, option: string, near: string, max: number | bigint): string =>
    `${extension}: bad value for option "${option}" near "${near}", or out of range (0-${max}).`,
  cannotMark: (extension: string, option: string) =>
    `${extension}: bad integer value for option "${option}", or out of range.`,
  /** `get_set_byname()` (extensions/libxt_set.h). */
  noSuchSet: (set: string) => `Set ${set} doesn't exist.\n`,
  badValue: (extension: string, option: string, value: string) =>
    `${extension}: Bad value for "${option}" option: "${value}"`,
} as const;

/** Reports the first two options of `names`, in this order, where more than one was given. */
export function refuseTogether(options: OptionList, extension: string, names: readonly string[]): void {
  const met = names.flatMap((name) => options.find(name) ?? []);
  if (met.length > 1) options.error(refusal.together(extension, met[0].name, met[1].name), met[1]);
}
