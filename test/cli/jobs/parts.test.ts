import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createInputs } from '../../bench/inputs.js';
import { docker, logging, nftMaps } from '../../bench/rulesets.js';
import { inParts, whole } from './parts.js';

const dir = mkdtempSync(join(tmpdir(), 'jobs-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const inputs = createInputs(dir, 1);
const FEW = { packets: 1600, connections: 200 };

describe('shares of the connections, run apart and joined', () => {
  it.each([
    ['default-reject', 2],
    ['docker-published-port', 2],
    ['docker-published-port', 3],
    ['goto-runs-a-chain-twice', 2],
    ['nft-published-port', 2],
    ['ping-to-itself', 2],
    ['redirect-to-local-port', 2],
    ['router-masquerade', 2],
  ])('come to what one replay of %s comes to (%d shares)', async (name, count) => {
    const paths = [`captures/${name}/any.pcap`];
    const given = { host: `rulesets/${name}` };
    expect(await inParts(paths, given, count)).toEqual(await whole(paths, given));
  });

  it.each([
    { name: 'docker', rules: docker, kind: 'published', withCopies: true },
    { name: 'nft-maps', rules: nftMaps, kind: 'published', withCopies: true },
    { name: 'nft-maps', rules: nftMaps, kind: 'published', withCopies: false },
    { name: 'logging', rules: logging, kind: 'forwarded', withCopies: false },
  ] as const)(
    'do so for $name, with the packets as they leave: $withCopies',
    async ({ name, rules, kind, withCopies }) => {
      const paths = [inputs.capture({ ...FEW, kind, withCopies })];
      const given = { host: inputs.host(name, rules) };
      const told = await inParts(paths, given, 3);
      expect(told).toEqual(await whole(paths, given));
      expect(told).toMatchObject({ summary: { frames: 1600, unexplained: 0 } });
    },
  );

  it('do so under any rules that have nothing in common', async () => {
    const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
    const match = fc
      .tuple(
        pick('', '-i eth0', '-i docker0', '! -i eth0'),
        pick('', '-s 10.0.1.0/28', '! -d 172.17.0.2/32', '-d 172.17.0.0/29', '-s 172.17.0.0/16'),
        pick(
          '',
          '-p icmp',
          '-p tcp -m tcp --dport 80',
          '-p tcp -m multiport --dports 8000:8003,80',
          '-p udp',
        ),
        pick('', '-m conntrack --ctstate NEW', '-m conntrack --ctdir REPLY', '-m ttl --ttl-gt 60'),
        pick(
          '',
          '-m connbytes --connbytes 3: --connbytes-dir both --connbytes-mode packets',
          '-m mark --mark 1',
        ),
      )
      .map((parts) => parts.filter((part) => part !== '').join(' '));
    const rule = fc
      .tuple(
        match,
        pick(
          ...[
            '-j LOG --log-prefix "X: "',
            '-j DROP',
            '-j ACCEPT',
            '-j MARK --set-xmark 1',
            '-j CONNMARK --save-mark',
          ],
          ...['-j REJECT --reject-with tcp-reset', '-j RETURN', '-j LOG --log-level 7 --log-tcp-sequence'],
        ),
      )
      .filter(([match, target]) => !target.includes('tcp-reset') || match.includes('-p tcp'))
      .map((parts) => parts.join(' '));
    const nat = pick(
      '-A PREROUTING -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.17.0.2:80',
      '-A PREROUTING -i eth0 -p tcp -m multiport --dports 8001:8004 -j DNAT --to-destination 172.17.0.3',
      '-A PREROUTING -i eth0 -p tcp -j REDIRECT',
      '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
      '-A POSTROUTING -o eth0 -j MASQUERADE',
      '-A POSTROUTING -o eth0 -p udp -j SNAT --to-source 198.51.100.2',
    );
    const host = inputs.host('docker', docker);
    const paths = [false, true].map((withCopies) =>
      inputs.capture({ ...FEW, kind: 'published', withCopies }),
    );
    let alike = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(rule, { minLength: 1, maxLength: 8 }),
        fc.array(nat, { maxLength: 3 }),
        pick(...paths),
        pick(2, 3),
        async (rules, nats, path, count) => {
          const save = join(dir, 'rules');
          const filter = rules.map((one) => `-A FORWARD ${one}\n`).join('');
          writeFileSync(
            save,
            `*nat\n${nats.join('\n')}\nCOMMIT\n*mangle\n${filter}COMMIT\n*filter\n${filter}COMMIT\n`,
          );
          const given = { host, rules: [save] };
          const told = await inParts([path], given, count);
          if (typeof told === 'string') refused++;
          else {
            alike++;
            expect(told).toEqual(await whole([path], given));
          }
        },
      ),
      { numRuns: 25 },
    );
    // The rules are drawn: as many as are shared differs from run to run.
    expect(alike).toBeGreaterThan(refused / 4);
  });

  it.each([
    ['-m limit --limit 5/sec -j LOG', '-m limit'],
    ['-m recent --name x --set --mask 255.255.255.255 --rsource', '-m recent'],
    ['-m statistic --mode nth --every 2 --packet 0 -j DROP', '-m statistic'],
    ['-m connlimit --connlimit-above 5 --connlimit-mask 32 --connlimit-saddr -j DROP', '-m connlimit'],
    ['-j SET --add-set s src', '-j SET'],
  ])('are refused where a rule is common to all: %s', async (rule, what) => {
    const save = join(dir, 'common');
    writeFileSync(save, `*filter\n-A FORWARD -j ACCEPT\n-A FORWARD ${rule}\nCOMMIT\n`);
    const sets = join(dir, 'sets');
    writeFileSync(sets, 'create s hash:ip\n');
    const paths = [inputs.capture({ ...FEW, kind: 'forwarded' })];
    const given = { host: inputs.host('docker', docker), rules: [save, sets] };
    expect(await inParts(paths, given, 2)).toContain(
      `rule filter:FORWARD:2 has ${what}, common to all packets`,
    );
  });

  it('are refused where a translation hides whose packets they are', async () => {
    const save = join(dir, 'hidden');
    const nat =
      '-A PREROUTING -p tcp -j DNAT --to-destination 203.0.113.9\n-A POSTROUTING -j SNAT --to-source 203.0.113.8';
    writeFileSync(save, `*nat\n${nat}\nCOMMIT\n`);
    const paths = [inputs.capture({ ...FEW, kind: 'forwarded' })];
    const told = await inParts(paths, { host: inputs.host('docker', docker), rules: [save] }, 2);
    expect(told).toMatch(/packet \d+ gets (addresses that do not tell|another port)/);
  });

  it('are refused where random choices are told by what leaves', async () => {
    const name = 'kube-service-random';
    const told = await inParts([`captures/${name}/any.pcap`], { host: `rulesets/${name}` }, 2);
    expect(told).toContain('-m statistic');
    expect(readFileSync(`rulesets/${name}/iptables-save.txt`, 'utf8')).toContain('--mode random');
  });
});
