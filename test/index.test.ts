import { describe, expect, it } from 'vitest';
import { agrees, compare, comparisonText, emit, parse, replay, why, whyText } from '../src/index.js';
import { CAPTURE, HOST, LOG } from './cli/examples.js';

const input = { captures: [CAPTURE], host: HOST };

describe('nfreplay as a library', () => {
  it('compares', async () => {
    const { value, diagnostics } = await compare({ ...input, logs: [LOG] });
    expect(diagnostics).toEqual([]);
    expect(value!.summary).toMatchObject({ predicted: 31, matched: 31 });
    expect(agrees(value!)).toBe(true);
    expect(comparisonText(value!, [])).toContain('No difference');
  });

  it('replays', async () => {
    const { value } = await replay(input);
    expect(value!.lines).toHaveLength(31);
    expect(value!.counts).toMatchObject({ frames: 66, received: 22, accounted: 22 });
    expect(value!.iptablesSave).toContain('[0:0] -A DOCKER-USER -p tcp -m tcp --dport 10000 -j DROP');
    expect(value!.iptablesSave).toContain('[22:1198] -A DOCKER-USER -j RETURN');
    expect(value!.conntrack).toMatch(/^ipv4 +2 tcp +6 /);
    expect(new Date(Number(value!.epoch / 1_000_000n)).toISOString()).toBe('2026-11-22T00:25:24.711Z');
  });

  it('says why', async () => {
    const { value } = await why('filter:DOCKER-USER:1', input);
    expect(value!.evidence).toMatchObject({ reached: 22, matched: 0 });
    expect(whyText(value!)).toContain('It did not fire');
  });

  it('reads and writes LOG lines', async () => {
    const { value } = await replay(input);
    for (const { text } of value!.lines) expect(emit(parse(text)!)).toBe(text);
  });

  it('says what is wrong with an input, and throws nothing', async () => {
    const missing = await compare({ captures: ['missing.pcap'], host: HOST, logs: [LOG] });
    expect(missing.value).toBeNull();
    expect(missing.diagnostics.map((d) => d.message)).toEqual(['missing.pcap: there is no such file']);

    const noLog = await compare({ ...input, logs: ['missing.log'] });
    expect(noLog.value).toBeNull();
    expect(noLog.diagnostics.map((d) => d.severity)).toEqual(['error']);

    const noRule = await why('filter:DOCKER-USR:1', input);
    expect(noRule.value).toBeNull();
    expect(noRule.diagnostics[0]).toMatchObject({
      message: 'table filter has no chain DOCKER-USR',
      advice: 'filter:DOCKER-USER; filter:DOCKER',
    });
  });
});
