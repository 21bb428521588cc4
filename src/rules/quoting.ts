/**
 * A string as iptables-save prints it: as it is where it holds letters, digits, `_` and `-` only, else in double quotes
 * with `"`, `\` and `'` escaped (`xtables_save_string()` of libxtables).
 */
export function saveString(text: string): string {
  return /^[A-Za-z0-9_-]+$/.test(text) ? text : `"${text.replace(/["\\']/g, '\\$&')}"`;
}
