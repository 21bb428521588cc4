import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { examplesOf, scratch } from './examples.js';
import { run } from './run.js';

const COMMANDS = ['replay', 'compare', 'why', 'rules', 'packets', 'log', 'collect', 'completion', 'man'];
/** Their examples need a machine of their own: test/cli/live.test.ts and test/kernel/lab.test.ts run them. */
const ELSEWHERE = ['live', 'lab'];

describe('help', () => {
  it('lists every command', async () => {
    const { status, stdout, stderr } = await run('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const named = [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}(\w+) /gm)].map((m) => m[1]);
    expect(named.sort()).toEqual([...COMMANDS, ...ELSEWHERE, 'help'].sort());
  });

  it('is what help without a command prints, too', async () => {
    expect(await run('help')).toEqual(await run('--help'));
  });

  it('goes to standard error where no command is given', async () => {
    const { status, stdout, stderr } = await run('');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe((await run('--help')).stdout);
  });

  it.each([...COMMANDS, ...ELSEWHERE])('of %s is a screen that fits, the same by both ways', async (name) => {
    const { status, stdout } = await run(`${name} --help`);
    expect(status).toBe(0);
    expect(await run(`help ${name}`)).toEqual({ status, stdout, stderr: '' });
    const [options] = stdout.split('Examples:');
    for (const line of options.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it.each(['live', 'collect'])('of %s has no option that docs/cli.md does not know', async (name) => {
    const page = readFileSync('docs/cli.md', 'utf8');
    const { stdout } = await run(`${name} --help`);
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z]+)/gm)].map(([, option]) => option);
    expect(options.length).toBeGreaterThan(4);
    // Options that every command has are left to its help.
    const general = ['--interface', '--seed', '--help'];
    expect(options.filter((option) => !page.includes(option) && !general.includes(option))).toEqual([]);
  });

  it('says the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await run('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('the examples of help', () => {
  it.each(COMMANDS)('of %s run', async (name) => {
    using temporary = scratch();
    // What --run collects is the machine's own matter: test/host/collect.test.ts does it in a namespace.
    const examples = (await examplesOf(name)).filter((line) => !line.includes('--run'));
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const command = example
        .replace(/ > \S+$/, '')
        .replace(/--(out|annotate) (\S+)/, `--$1 ${temporary.dir}/$2`);
      const ran = await run(command);
      expect(ran.status, example).toBe(0);
      expect(ran.stdout, example).not.toBe('');
      // What they have to say beside the report is no complaint.
      expect(ran.stderr, example).not.toMatch(/warning|error|nfreplay:/);
    }
  });
});
