import type { Position } from '../../source/text.js';

/** What is wrong with a command or a rule, in the real programs' words where they have any. */
export interface Problem {
  /** As iptables 1.8.9 prints it after `iptables v1.8.9 (legacy): `; trailing line ends are part of the text. */
  readonly message: string;
  /** `enum xtables_exittype` (xtables.h): the exit status, which also decides what is printed after the message. */
  readonly status: 1 | 2 | 3;
  readonly position: Position;
  /** Columns that a caret underlines. */
  readonly length: number;
  /** Printed without the program's name before it. */
  readonly bare?: boolean;
}

/** What standard error gets: `basic_exit_err()` (libxtables/xtables.c), `exit_tryhelp()` (iptables/xshared.c). */
export function errorText(problem: Problem, program: string, restoreLine: number | null): string {
  const head = problem.bare ? '' : `${program} v1.8.9 (legacy): `;
  let text = problem.message === '' ? '' : `${head}${problem.message}\n`;
  if (problem.status === 2) {
    if (restoreLine !== null) text += `Error occurred at line: ${restoreLine}\n`;
    text += `Try \`${program} -h' or '${program} --help' for more information.\n`;
  } else if (problem.status === 3) {
    text += `Perhaps ${program} or your kernel needs to be upgraded.\n`;
  }
  return text;
}
