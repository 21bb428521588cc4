import type { Command, Option } from 'commander';

/** One option as its user sees it. */
export interface OptionShape {
  /** `-f`, `--format`: those that there are. */
  readonly names: readonly string[];
  /** `<format>`; null for a switch. */
  readonly value: string | null;
  readonly choices: readonly string[];
  readonly description: string;
}

export interface ArgumentShape {
  readonly usage: string;
  readonly choices: readonly string[];
  readonly description: string;
}

/** One command as its user sees it: what manual page and completions are made of. */
export interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly ArgumentShape[];
  readonly options: readonly OptionShape[];
  /** Command lines, from the command's help. */
  readonly examples: readonly string[];
}

/** The commands that a program defines, in their order. */
export function shapesOf(program: Command): CommandShape[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => {
      const name = argument.name() + (argument.variadic ? '...' : '');
      return {
        usage: argument.required ? `<${name}>` : `[${name}]`,
        choices: argument.argChoices ?? [],
        description: argument.description,
      };
    }),
    options: command.createHelp().visibleOptions(command).map(optionShape),
    examples: examplesOf(command),
  }));
}

function optionShape(option: Option): OptionShape {
  const value = /[<[].*$/.exec(option.flags);
  return {
    names: [option.short, option.long].filter((name) => name !== undefined),
    value: value && value[0],
    choices: option.argChoices ?? [],
    description: option.description,
  };
}

/** What stands after the help, which commander tells only to who prints it. */
function examplesOf(command: Command): string[] {
  let help = '';
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (text) => (help += text) });
  command.outputHelp();
  command.configureOutput(before);
  return [...help.matchAll(/^ {2}\$ (nfreplay .*)$/gm)].map(([, line]) => line);
}
