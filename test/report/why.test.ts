import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { recordWalk } from '../../src/explain/walks/packetWalk.js';
import { findTarget, isProblem } from '../../src/explain/why/address.js';
import { why } from '../../src/explain/why/why.js';
import { collectAll } from '../../src/explain/why/whyAll.js';
import { loadGiven } from '../../src/given.js';
import { packetWalkText } from '../../src/report/packetWalk.js';
import { whyJson, whyText } from '../../src/report/why.js';
import { whyAllText } from '../../src/report/whyAll.js';
import { replayAgain } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { ask, askAll } from '../explain/asking.js';

const CAPTURE = 'captures/docker-published-port/any.pcap';
const HOST = 'rulesets/docker-published-port';
const given = loadGiven({ hostDir: HOST }, new Diagnostics());
const replay = replayAgain(() => openCaptures([CAPTURE]), given);

async function textFor(address: string): Promise<string> {
  const target = findTarget(address, given.ruleset);
  if (isProblem(target)) throw new Error(target.message);
  return whyText(await why({ ruleset: given.ruleset, target, replay }));
}

describe('the DROP in DOCKER-USER that does nothing', () => {
  it('is answered with what it saw, who changed it, and what would match', async () => {
    const text = await textFor('filter:DOCKER-USER:1');
    const [answer] = text.split('\n\n').slice(1);
    expect(answer).toBe(
      'It did not fire: it was reached by 22 packets and matched none.\n' +
        'It wanted dport 10000 and saw 6379 (12 times): the port was 10000 until nat:DOCKER:2, which comes before this rule, made it 172.17.0.2:6379.\n' +
        '`-m conntrack --ctorigdstport 10000 --ctdir ORIGINAL` would match 12 packets of 2 connections; replayed with it, ' +
        '2 packets are dropped that were sent (packets 1, 31); 18 packets after them would then not have been there.',
    );
    expect(text).toContain('    saw 55180, 4 times [packet 4: tcp 172.17.0.2:6379 > 198.51.100.9:55180');
    expect(text).toContain(
      '    matches 12 packets of 2 connections: packets 1, 7, 10, 19, 21, 28, 31, 37, 40, 49, 52, 58\n',
    );
  });

  it('has its rules reached and matched as often as the kernel counted', async () => {
    const collector = collectAll(given.ruleset);
    await replay(given.ruleset, collector);
    const text = whyAllText(collector.rows());
    expect(text).toMatch(/^filter:FORWARD:3 +22 +11 +-A FORWARD -o docker0 -m conntrack/m);
    expect(text).toMatch(/^filter:DOCKER-USER:1 +22 +0 +dport: wanted 10000, saw 6379 +-A DOCKER-USER/m);
    expect(text).toMatch(/^filter:FORWARD:7 +0 +0 +all taken before, most by filter:FORWARD:3 /m);
    expect(text).toMatch(/^nat:OUTPUT:1 +0 +0 +no packet came to its chain /m);
  });

  it('is seen in the walk of the first packet', async () => {
    const recorder = recordWalk(1);
    await replay(given.ruleset, recorder);
    const text = packetWalkText(recorder.walk());
    expect(text).toContain('  destinationPort: 10000 -> 6379 by nat:DOCKER:2\nrouting: forward\n');
    expect(text).toContain(
      '      miss filter:DOCKER-USER:1  -A DOCKER-USER -p tcp -m tcp --dport 10000 -j DROP' +
        '  [protocol tcp: tcp, dport wanted 10000, saw 6379]\n',
    );
  });
});

describe('the report', () => {
  const UDP = 'udp 198.51.100.9:5 > 198.51.100.2:53 in eth0';

  it('says of a rule that fires how often', async () => {
    const result = await ask('filter:INPUT:1', '*filter\n-A INPUT -p udp -j ACCEPT\nCOMMIT\n', [UDP, UDP]);
    expect(whyText(result)).toContain('It fired: it was reached twice and matched each time.\n');
  });

  it('says why no packet came', async () => {
    const result = await ask('filter:FORWARD:1', '*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n', [UDP]);
    expect(whyText(result)).toContain(
      'It did not fire: none of 1 packet came to it. ' +
        'Received, went through PREROUTING, INPUT (its destination is this host) (1 packet).\n',
    );
  });

  it('says first that a rule can never match, or be reached', async () => {
    const rules = `*filter
:LONELY - [0:0]
-A INPUT -p udp -m udp --dport 53 -m udp --dport 67 -j ACCEPT
-A INPUT -p udp -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j DROP
-A LONELY -j DROP
COMMIT
`;
    const answerOf = async (address: string): Promise<string> =>
      whyText(await ask(address, rules, [UDP])).split('\n\n')[1];
    expect(await answerOf('filter:INPUT:1')).toBe(
      'It did not fire: it was reached by 1 packet and matched none.\n' +
        'It can never match: --dport 53 and --dport 67 exclude each other.',
    );
    expect(await answerOf('filter:LONELY:1')).toBe(
      'It did not fire: none of 1 packet came to it. Nothing leads to filter:LONELY: no rule jumps there.',
    );
    const text = whyAllText(await askAll(rules, [UDP]));
    expect(text).toMatch(/^filter:INPUT:1 +1 +0 +never: --dport 53 and --dport 67 exclude each other /m);
    expect(text).toMatch(/^filter:INPUT:3 +0 +0 +never: filter:INPUT:2 takes all that it wants /m);
    expect(text).toMatch(/^filter:LONELY:1 +0 +0 +nothing leads to its chain /m);
  });

  it('escapes what comes from the rules', async () => {
    const rules = `*filter\n-A INPUT -p tcp -m comment --comment "\u001b[31m\u202e" -j ACCEPT\nCOMMIT\n`;
    const result = await ask('filter:INPUT:1', rules, [UDP]);
    const rows = await askAll(rules, [UDP]);
    for (const text of [whyText(result), whyJson(result), whyAllText(rows)])
      expect(text).not.toMatch(/[\u001b\u202e]/);
    expect(JSON.parse(whyJson(result))).toMatchObject({ version: 1, rule: { address: 'filter:INPUT:1' } });
  });
});
