import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { JSON_VERSION } from '../../src/report/json.js';
import { CAPTURE, HOST, logLines, scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';

const FIXED = 'rulesets/docker-published-port-fixed/iptables-save.txt';

/** Says what is wrong with a value by a schema of docs/; null for nothing. */
function checker(name: string): (value: unknown) => unknown {
  const schema = JSON.parse(readFileSync(`docs/schema/${name}-${JSON_VERSION}.json`, 'utf8')) as object;
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? null : validate.errors);
}

async function comparing(format: string, options: string): Promise<string> {
  using temporary = scratch();
  const lines = logLines();
  lines[6] = lines[6].replace('TTL=63', 'TTL=62');
  lines.splice(3, 1);
  lines.splice(12, 0, lines[12].replace(/ID=\d+/, 'ID=4711').replace(/SPT=\d+/, 'SPT=999'));
  const log = temporary.file('kernel.log', lines.map((line) => `${line}\n`).join(''));
  const command = `compare ${CAPTURE} --host ${HOST} --log ${log} --format ${format} ${options}`;
  return (await run(command)).stdout;
}

describe('the published JSON Schema', () => {
  const check = checker('compare');
  it.each([
    ['differences of every side', '--search 0'],
    ['findings', '--search 2'],
    ['another ruleset', `--search 1 --rules ${FIXED}`],
  ])('holds for %s', async (_name, options) => {
    const result = JSON.parse(await comparing('json', options)) as { differences: { kind: string }[] };
    expect(result.differences.length).toBeGreaterThan(2);
    expect(check(result)).toBeNull();
  });

  it('refuses what is another version, lacks a member or has another kind', async () => {
    const result = JSON.parse(await comparing('json', '--search 0')) as {
      summary: object;
      differences: object[];
    };
    expect(check({ ...result, version: 2 })).not.toBeNull();
    expect(check({ ...result, summary: { packets: 1 } })).not.toBeNull();
    const differences = [{ ...result.differences[0], kind: 'other' }];
    expect(check({ ...result, differences })).not.toBeNull();
  });

  it('holds for each line of NDJSON', async () => {
    const checkLine = checker('compare-ndjson');
    const lines = (await comparing('ndjson', '--search 2')).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) expect(checkLine(JSON.parse(line)), line).toBeNull();
    expect(checkLine({ type: 'summary' })).not.toBeNull();
    expect(checkLine({ type: 'other' })).not.toBeNull();
  });
});
