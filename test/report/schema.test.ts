import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { JSON_VERSION } from '../../src/report/json.js';
import { CAPTURE, HOST, LOG, logLines, scratch } from '../cli/examples.js';
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

describe('the JSON of replay, packets and log', () => {
  const printed = async (command: string, format: string): Promise<string> =>
    (await run(`${command} --format ${format}`)).stdout;
  const linesOf = (text: string): unknown[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);

  it.each([
    `replay ${CAPTURE} --host ${HOST}`,
    'replay captures/default-reject/any.pcap --host rulesets/default-reject',
    `replay ${CAPTURE} --rules ${FIXED} --addr 198.51.100.2/24@eth0`,
    'replay captures/nft-published-port/any.pcap --host rulesets/nft-published-port',
  ])('%s', async (command) => {
    const value = JSON.parse(await printed(command, 'json')) as { summary: object; lines: object[] };
    expect(value.lines.length).toBeGreaterThan(0);
    const check = checker('replay');
    expect(check(value)).toBeNull();
    expect(check({ ...value, version: 2 })).not.toBeNull();
    expect(check({ ...value, lines: [{ ...value.lines[0], more: 1 }] })).not.toBeNull();
    const checkLine = checker('replay-ndjson');
    const lines = linesOf(await printed(command, 'ndjson'));
    for (const line of lines) expect(checkLine(line), JSON.stringify(line)).toBeNull();
    expect(checkLine({ ...(lines[0] as object), type: 'line' })).not.toBeNull();
  });

  const DATA = 'test/capture/data/';
  it.each([
    ['packets', `packets ${CAPTURE}`],
    ...['protocols.pcap', 'sll2.pcap', 'nflog.pcap', 'eth-snap50.pcap', 'directed.pcapng'].map((file) => [
      'packets',
      `packets ${DATA}${file}`,
    ]),
    ['log', `log ${LOG}`],
    ['log', 'log captures/default-reject/kernel.log'],
    ...['dmesg-x.txt', 'journal-json.txt', 'journal-short-full.txt'].map((file) => [
      'log',
      `log test/observed/formats/${file}`,
    ]),
    ['log', 'log test/observed/ulogd/json.txt'],
  ])('%s: %s', async (name, command) => {
    const rows = JSON.parse(await printed(command, 'json')) as object[];
    expect(rows.length).toBeGreaterThan(0);
    const check = checker(name);
    expect(check(rows)).toBeNull();
    expect(check([{ ...rows[0], more: 1 }])).not.toBeNull();
    expect(linesOf(await printed(command, 'ndjson'))).toEqual(rows);
  });
});

it('holds for a step of a packet trace, too', async () => {
  using temporary = scratch();
  const step =
    'trace id ae6e9525 inet t user rule tcp dport 81 counter packets 0 bytes 0 log prefix "eighty-one " drop (verdict drop)';
  const { stdout } = await run(`log ${temporary.file('trace.txt', `${step}\n`)} --format json`);
  const rows = JSON.parse(stdout) as { trace: unknown }[];
  expect(rows.map((row) => row.trace)).toEqual([expect.objectContaining({ kind: 'rule', chain: 'user' })]);
  expect(checker('log')(rows)).toBeNull();
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
