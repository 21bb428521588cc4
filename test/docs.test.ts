import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from './cli/examples.js';
import { run } from './cli/run.js';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

interface Shown {
  readonly command: string;
  readonly output: string;
}

/** The commands in ```console blocks, each with the output that the page shows. */
function shownIn(page: string): Shown[] {
  const blocks = readFileSync(page, 'utf8').matchAll(/^```console\n([^]*?)^```$/gm);
  return [...blocks].flatMap(([, block]) =>
    block
      .split(/^(?=\$ )/m)
      .filter((part) => part.startsWith('$ nfreplay '))
      .map((part) => {
        const end = part.indexOf('\n');
        return { command: part.slice('$ nfreplay '.length, end), output: part.slice(end + 1).trimEnd() };
      }),
  );
}

/** The output as a page shows it: a line of its own with … stands for lines that are left out. */
function shortened(printed: string, as: string): string {
  const wanted = as.split('\n');
  // A page keeps no blanks at the end of a line.
  const lines = printed
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
  const gap = wanted.indexOf('…');
  if (gap < 0) return lines.join('\n');
  const after = wanted.length - gap - 1;
  return [...lines.slice(0, gap), '…', ...(after > 0 ? lines.slice(-after) : [])].join('\n');
}

/** `UPDATE_DOCS=1 npx vitest …` writes what the program prints into the pages. */
const update = process.env.UPDATE_DOCS === '1';

describe('the pages show what the program prints', () => {
  const shown = PAGES.flatMap((page) => shownIn(page).map((s) => ({ page, ...s })));

  it.each(shown)('$page: $command', async ({ page, command, output }) => {
    const { stdout } = await run(command);
    const printed = shortened(stdout, output);
    if (update) {
      const head = `$ nfreplay ${command}\n`;
      const end = output === '' ? '\n' : '';
      const text = readFileSync(page, 'utf8').replace(`${head}${output}`, () => `${head}${printed}${end}`);
      writeFileSync(page, text);
    } else expect(printed).toBe(output);
  });

  it("shows on README's first screen what npm start prints", async () => {
    const script = readFileSync('captures/demo.sh', 'utf8');
    const about = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    expect(about.scripts.start).toBe('sh captures/demo.sh');
    const variables = new Map(
      [...script.matchAll(/^(\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
    );
    const commands = [...script.matchAll(/^show (.*)$/gm)].map(([, line]) =>
      line.replace(/\$(\w+)/g, (_all, name: string) => variables.get(name) ?? ''),
    );
    expect(commands).toHaveLength(2);
    const outputs = await Promise.all(commands.map((command) => run(command)));
    const printed = outputs.map(({ stdout }, i) => `$ nfreplay ${commands[i]}\n${stdout}`).join('\n');
    const screen = readFileSync('README.md', 'utf8').split('\n').slice(0, 50).join('\n');
    expect(screen).toContain(`$ npm start\n${printed}`);
  });
});

const hasSqlite = spawnSync('sqlite3', ['--version']).status === 0;

describe.skipIf(!hasSqlite)('docs/csv.md answers its questions (needs sqlite3)', () => {
  const page = 'docs/csv.md';
  const recipes = [...readFileSync(page, 'utf8').matchAll(/^```sql\n([^]*?)^```\n\n```text\n([^]*?)^```$/gm)];
  it('has recipes', () => expect(recipes.length).toBeGreaterThan(3));

  it('with what the files of its comparison hold', async () => {
    using temporary = scratch();
    const [{ command }] = shownIn(page);
    await run(command.replace('--csv -', `--out ${temporary.dir}`));
    const tables = ['packets', 'rules', 'logs', 'differences', 'findings'].flatMap((name) => [
      '-cmd',
      `.import --csv ${join(temporary.dir, name)}.csv ${name}`,
    ]);
    for (const [shown, query, answer] of recipes) {
      const printed = execFileSync('sqlite3', [...tables, ':memory:', query], { encoding: 'utf8' });
      if (update) {
        const text = readFileSync(page, 'utf8');
        writeFileSync(
          page,
          text.replace(shown, () =>
            shown.replace(/(```text\n)[^]*(```)$/, (_all, a, b) => `${a}${printed}${b}`),
          ),
        );
      } else expect(printed, query).toBe(answer);
    }
  });
});

describe('links', () => {
  it.each(PAGES)('%s leads only to what is there', (page) => {
    const folder = page.includes('/') ? `${page.slice(0, page.lastIndexOf('/'))}/` : '';
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(
      ([, to]) => folder + to,
    );
    for (const link of links) expect(() => readdirOrFile(link), `${page}: ${link}`).not.toThrow();
  });
});

function readdirOrFile(path: string): void {
  try {
    readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
  }
}
