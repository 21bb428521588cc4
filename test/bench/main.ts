import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createInputs } from './inputs.js';
import { machine, pace } from './machine.js';
import { MEASURES, type Row } from './measures.js';
import { page, table } from './page.js';

const HELP = `npm run bench -- [MEASURE...] [--quick] [--runs N] [--write FILE] [--keep DIR]

Measures: ${MEASURES.map((m) => m.name).join(' ')} (default: all)
  --quick        a hundredth of the packets, one run: whether it works
  --runs N       of each, the one in the middle counts (default 3)
  --write FILE   a page of it, as docs/benchmarks.md
  --keep DIR     make the inputs there, and use what is there
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    write: { type: 'string' },
    keep: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const unknown = positionals.filter((name) => !MEASURES.some((m) => m.name === name));
if (values.help || unknown.length > 0) {
  for (const name of unknown) console.error(`no such measure: ${name}`);
  console.log(HELP);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const scale = values.quick ? 0.01 : 1;
const runs = values.runs === undefined ? (values.quick ? 1 : 3) : Number(values.runs);
const dir = values.keep ?? mkdtempSync(join(tmpdir(), 'nfreplay-bench-'));
const rows: Row[] = [];
try {
  const inputs = createInputs(dir, scale);
  const before = pace();
  for (const measure of MEASURES) {
    if (positionals.length > 0 && !positionals.includes(measure.name)) continue;
    for await (const row of measure.run({ inputs, runs, scale })) {
      rows.push(row);
      console.error(`${row.what}: ${row.result}`);
    }
  }
  const paces = [before, pace()];
  console.log(table(rows));
  if (values.write !== undefined)
    writeFileSync(values.write, page({ rows, machine: machine(), paces, runs, scale }));
} finally {
  if (values.keep === undefined) rmSync(dir, { recursive: true, force: true });
}
