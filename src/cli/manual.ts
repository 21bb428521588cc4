import type { CommandShape } from './shape.js';

export interface ManualHead {
  readonly version: string;
  readonly description: string;
}

/** The manual page nfreplay(1), in the man macros of roff. */
export function manualPage(head: ManualHead, commands: readonly CommandShape[]): string {
  return [
    `.TH NFREPLAY 1 "" "nfreplay ${roff(head.version)}" "User Commands"`,
    '.SH NAME',
    'nfreplay \\- replay captured packets through a simulated netfilter',
    '.SH SYNOPSIS',
    ...commands.flatMap(({ name, arguments: args }) => [
      `.B nfreplay ${roff(name)}`,
      roff([...args.map((argument) => argument.usage), '[options]'].join(' ')),
      '.br',
    ]),
    '.SH DESCRIPTION',
    textLine(head.description),
    '.SH COMMANDS',
    ...commands.flatMap(commandPart),
    '.SH EXIT STATUS',
    ...EXITS.flatMap(([status, meaning]) => ['.TP', `.B ${status}`, textLine(meaning)]),
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    'where it is not empty, reports have no colours unless \\-\\-color asks for them.',
    '',
  ].join('\n');
}

const EXITS: readonly (readonly [number, string])[] = [
  [0, 'done; for compare: no difference'],
  [1, 'compare found differences'],
  [2, 'bad usage, or input that cannot be used or not to its end'],
  [3, 'a defect of nfreplay'],
];

function commandPart({ name, description, arguments: args, options, examples }: CommandShape): string[] {
  return [
    `.SS ${roff(name)}`,
    textLine(description),
    ...args.flatMap(({ usage, description: about }) =>
      about ? ['.TP', `.I ${roff(usage)}`, textLine(about)] : [],
    ),
    ...options.flatMap(({ names, value, choices, description: about }) => [
      '.TP',
      `.B ${roff(names.join(', '))}${value === null ? '' : ` ${roff(value)}`}`,
      textLine(choices.length > 0 ? `${about} (${choices.join(', ')})` : about),
    ]),
    ...(examples.length > 0
      ? ['.PP', 'Examples:', '.PP', '.nf', ...examples.map((e) => `.RS\n${textLine(e)}\n.RE`), '.fi']
      : []),
  ];
}

/** Text in a request line or within one: backslashes and hyphens as they are typed. */
function roff(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
}

/** A line of its own, which must not begin as a request does. */
function textLine(text: string): string {
  return roff(text).replace(/^[.']/, '\\&$&');
}
