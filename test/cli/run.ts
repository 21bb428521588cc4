import { PassThrough, Readable, Writable } from 'node:stream';
import { main } from '../../src/cli/main.js';

/** What a command line came to. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly isTTY?: boolean;
  /** Instead of collecting what is written. */
  readonly stdout?: Writable;
}

/** Runs a command line, without the program's name, in this process. */
export async function run(command: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const { columns, isTTY } = options;
  const stdout = Object.assign(options.stdout ?? collector(out), { columns, isTTY });
  const stdin =
    options.stdin === undefined ? new PassThrough().end() : Readable.from([Buffer.from(options.stdin)]);
  const status = await main(typeof command === 'string' ? words(command) : command, {
    stdin,
    stdout,
    stderr: Object.assign(collector(err), { columns, isTTY }),
    env: options.env ?? {},
  });
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

function collector(into: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      into.push(Buffer.from(chunk));
      done();
    },
  });
}

/** A command line cut into words as a shell does it: blanks, single and double quotes. */
export function words(line: string): string[] {
  const found = line.matchAll(/(?:[^\s'"]|'[^']*'|"(?:[^"\\]|\\.)*")+/g);
  return [...found].map(([word]) =>
    word.replace(
      /'([^']*)'|"((?:[^"\\]|\\.)*)"/g,
      (_all, single?: string, double?: string) => single ?? (double as string).replace(/\\(["\\$`])/g, '$1'),
    ),
  );
}

/** A command as a terminal shows it: standard output, then standard error marked with `!`, then the exit status. */
export function transcript(command: string, { status, stdout, stderr }: Ran): string {
  const errors = stderr === '' ? '' : stderr.replace(/^/gm, '! ').replace(/! $/, '');
  return `$ nfreplay ${command}\n${ended(stdout)}${ended(errors)}= ${status}\n`;
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
