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

describe('the JSON of why and of rules --diff', () => {
  const told = async (command: string[]): Promise<unknown> =>
    JSON.parse((await run([...command, '--format', 'json'])).stdout);
  const NFT = ['captures/nft-published-port/any.pcap', '--host', 'rulesets/nft-published-port'];
  const DOCKER = [CAPTURE, '--host', HOST];
  const RANDOM = ['test/explain/recordings/random/any.pcap', '--host', 'test/explain/recordings/random/host'];

  it.each([
    ['why', ['why', 'filter:DOCKER-USER:1', ...DOCKER]],
    ['why', ['why', 'filter:FORWARD:7', ...DOCKER]],
    ['why', ['why', 'inet:filter:forward:2', ...NFT]],
    ['why', ['why', 'filter:FORWARD:policy', ...RANDOM]],
    ['why-all', ['why', '--all', ...DOCKER]],
    ['why-all', ['why', '--all', ...NFT]],
    ['why-all', ['why', '--all', ...RANDOM]],
    ['why-packets', ['why', '--packet', '1', ...DOCKER]],
    ['why-packets', ['why', 'tcp 203.0.113.5:4000 > 198.51.100.2:80 in eth0', '--host', HOST]],
    ['rules-diff', ['rules', HOST, '--diff', `${HOST}-fixed`, '--replay', CAPTURE]],
    ['rules-diff', ['rules', HOST, '--diff', 'rulesets/nft-published-port']],
  ])('%s: %s', async (name, command) => {
    const value = await told(command);
    expect(checker(name)(value)).toBeNull();
    expect(checker(name)({ ...(value as object), version: 2 })).not.toBeNull();
  });

  it('of every rule by chance holds', async () => {
    const check = checker('why');
    const { rules } = (await told(['why', '--all', ...RANDOM])) as { rules: { rule: { address: string } }[] };
    expect(rules.length).toBeGreaterThan(40);
    for (const { rule } of rules.filter((_, i) => i % 4 === 0))
      expect(check(await told(['why', rule.address, ...RANDOM])), rule.address).toBeNull();
  });
});
