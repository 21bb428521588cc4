import type { CommandShape, OptionShape } from './shape.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The script that makes a shell complete commands, options and their choices; all else is completed as files. */
export function completionScript(shell: Shell, commands: readonly CommandShape[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

function bashScript(commands: readonly CommandShape[]): string {
  const choices = commands.flatMap((command) =>
    command.options
      .filter((option) => option.choices.length > 0)
      .map(({ names, choices: list }) => {
        const patterns = names.map((name) => quoted(`${command.name} ${name}`)).join(' | ');
        return `    ${patterns}) words=${quoted(list.join(' '))} ;;\n`;
      }),
  );
  const options = commands.map(
    ({ name, options: list }) =>
      `      ${quoted(name)}) words=${quoted(list.flatMap((option) => option.names).join(' '))} ;;\n`,
  );
  const first = commands.map(
    ({ name, arguments: [argument] }) =>
      argument?.choices.length > 0 &&
      `      ${quoted(name)}) words=${quoted(argument.choices.join(' '))} ;;\n`,
  );
  return `# bash completion of nfreplay: source this file, or put it into /etc/bash_completion.d
_nfreplay() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words=''
  COMPREPLY=()
  case "$command \${COMP_WORDS[COMP_CWORD - 1]}" in
${choices.join('')}  esac
  if [[ -n $words ]]; then
    :
  elif ((COMP_CWORD == 1)); then
    words=${quoted(commands.map((command) => command.name).join(' '))}
  elif [[ $current == -* ]]; then
    case "$command" in
${options.join('')}    esac
  elif ((COMP_CWORD == 2)); then
    case "$command" in
${first.filter((line) => line !== false).join('')}    esac
  fi
  [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -o bashdefault -F _nfreplay nfreplay
`;
}

function zshScript(commands: readonly CommandShape[]): string {
  const described = commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}\n`);
  const cases = commands.map(({ name, options, arguments: args }) => {
    const specs = [...options.flatMap(zshOption), ...zshArgument(args[0]?.choices ?? [])];
    return `    ${name})\n      _arguments ${specs.map((spec) => `\\\n        ${quoted(spec)}`).join(' ')} ;;\n`;
  });
  return `#compdef nfreplay
# zsh completion of nfreplay: put this file as _nfreplay into a directory of $fpath
_nfreplay() {
  local -a commands=(
${described.join('')}  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('')}  esac
}
compdef _nfreplay nfreplay
`;
}

function zshOption({ names, value, choices, description }: OptionShape): string[] {
  const about = description.replace(/[\\[\]:]/g, '\\$&');
  const takes =
    value === null
      ? ''
      : `:${value.replace(/[<>[\].:]/g, '')}:${choices.length > 0 ? `(${choices.join(' ')})` : '_files'}`;
  return names.map((name) => `*${name}[${about}]${takes}`);
}

function zshArgument(choices: readonly string[]): string[] {
  return choices.length > 0 ? [`1:argument:(${choices.join(' ')})`] : ['*:file:_files'];
}

function fishScript(commands: readonly CommandShape[]): string {
  const lines = commands.flatMap(({ name, description, options, arguments: args }) => {
    const seen = `complete -c nfreplay -n ${fishQuoted(`__fish_seen_subcommand_from ${name}`)}`;
    const first = args[0]?.choices ?? [];
    return [
      `complete -c nfreplay -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(description)}`,
      ...(first.length > 0 ? [`${seen} -f -a ${fishQuoted(first.join(' '))}`] : []),
      ...options.map(({ names, value, choices, description: about }) => {
        const flags = names
          .map((n) => (n.startsWith('--') ? `-l ${n.slice(2)}` : `-s ${n.slice(1)}`))
          .join(' ');
        const takes =
          choices.length > 0 ? ` -x -a ${fishQuoted(choices.join(' '))}` : value === null ? '' : ' -r';
        return `${seen} ${flags}${takes} -d ${fishQuoted(about)}`;
      }),
    ];
  });
  return `# fish completion of nfreplay: put this file into ~/.config/fish/completions\n${lines.join('\n')}\n`;
}

/** As bash and zsh read it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
