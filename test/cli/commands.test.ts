import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { CAPTURE, HOST, LOG, logLines, scratch } from './examples.js';
import { run, transcript } from './run.js';

const SCRIPT = `#!/bin/sh
# A set, a chain of one's own, and three things that the real command refuses.
ipset create blocked hash:ip
ipset add blocked 203.0.113.7
iptables -N GUARD
iptables -A INPUT -j GUARD
iptables -A GUARD -m set --match-set blocked src -j DROP
iptables -C GUARD -m set --match-set blocked src -j DROP && echo 'it is there'
iptables -A GUARD -p tcp --dport 22 -j NOSUCH
iptables -D INPUT 9
iptables -L GUARD -n
iptables -X GUARD
`;

const COMMANDS: readonly string[] = [
  `replay ${CAPTURE} --host ${HOST}`,
  `replay ${CAPTURE} --rules ${HOST}/iptables-save.txt --addr 198.51.100.2/24@eth0 --addr 172.17.0.1/16@docker0 --link docker0=bridge`,
  `replay captures/default-reject/any.pcap --host rulesets/default-reject --format csv`,
  `replay captures/default-reject/any.pcap --host rulesets/default-reject --format ndjson`,
  `why filter:DOCKER-USER:1 ${CAPTURE} --host ${HOST} --no-try`,
  `why filter:DOCKER-USR:1 ${CAPTURE} --host ${HOST}`,
  `why filter:FORWARD:99 ${CAPTURE} --host ${HOST}`,
  `why --all captures/ping-to-itself/any.pcap --host rulesets/ping-to-itself`,
  `why --packet 99 ${CAPTURE} --host ${HOST}`,
  `rules ${HOST} -nL --line-numbers`,
  `rules ${HOST} -L DOCKER-USER`,
  `rules ${HOST} -n -L FORWARD --iptables-version 1.4`,
  `rules ${HOST} -t nat -S`,
  `rules ${HOST} --save -t nat`,
  `rules ${HOST} --replay ${CAPTURE} -nvxL DOCKER`,
  `rules ${HOST} --format csv -t nat`,
  `rules ${HOST} --diff ${HOST}-fixed --replay ${CAPTURE}`,
  `rules ${HOST} --diff ${HOST}`,
  `rules ${HOST}/iptables-save.txt --diff ${HOST}-fixed/iptables-save.txt --replay ${CAPTURE}`,
  'rules TMP/script.sh',
  'rules TMP/script.sh -S',
  'packets captures/ping-to-itself/any.pcap',
  'packets captures/ping-to-itself/any.pcap --host rulesets/ping-to-itself --format json',
  'packets captures/ping-to-itself/any.pcap -i eth9 --csv -',
  'log captures/ping-to-itself/kernel.log',
  'log captures/ping-to-itself/kernel.log --format csv',
  'log captures/ping-to-itself/kernel.log --format ndjson',
  'log captures/router-masquerade/kernel.log --format json',
];

describe('what the commands print', () => {
  it('is what it was', async () => {
    using temporary = scratch();
    temporary.file('script.sh', SCRIPT);
    let all = '';
    for (const command of COMMANDS) {
      const ran = await run(command.replaceAll('TMP', temporary.dir));
      all += `${transcript(command, ran).replaceAll(temporary.dir, 'TMP').replaceAll('\r\n', '\n')}\n`;
    }
    await expect(all).toMatchFileSnapshot('commands.txt');
  });
});

describe('why, of packets in words', () => {
  const PACKET = 'tcp 203.0.113.5:4000 > 198.51.100.2:10000 in eth0';
  const answered = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run(['why', ...args, '--host', HOST]);
    return stdout + stderr;
  };

  it('is the way of each', async () => {
    const answer = 'tcp 172.17.0.2:6379 > 203.0.113.5:4000 in docker0 flags SYN,ACK';
    const text = await answered(PACKET, answer);
    expect(text).toMatch(/^Packet 1, received: tcp 203\.0\.113\.5:4000 > 198\.51\.100\.2:10000 in eth0$/m);
    expect(text).toMatch(/^sent {2}tcp 203\.0\.113\.5:4000 > 172\.17\.0\.2:6379 in eth0 out docker0$/m);
    expect(text).toMatch(/^sent {2}tcp 198\.51\.100\.2:10000 > 203\.0\.113\.5:4000 in docker0 out eth0$/m);
  });

  it('is the answer for one rule, or all, where that is asked', async () => {
    expect(await answered('filter:DOCKER-USER:1', PACKET)).toContain(
      'It wanted dport 10000 and saw 6379 (once)',
    );
    expect(await answered('--all', PACKET)).toMatch(/^nat:DOCKER:2 +1 +1 /m);
  });

  it('says what it cannot use, and what to write instead', async () => {
    expect(await answered('tcp 203.0.113.5:4000 > 198.51.100.2:80 in eth9')).toMatch(
      /no interface eth9\n +It has lo, eth0/,
    );
    expect(await answered('tcp 203.0.113.5:4000 > 198.51.100.2:80')).toContain(
      'say by which interface it comes',
    );
    expect(await answered('filter:FORWARD:1', CAPTURE, PACKET)).toContain('do not go together');
    expect(await answered('filter:FORWARD:1')).toContain('neither a capture nor a packet is given');
  });
});

describe('replay --out', () => {
  it("writes the kernel's log, and packets that other programs can read", async () => {
    using temporary = scratch();
    const { stderr } = await run(`replay ${CAPTURE} --host ${HOST} --out ${temporary.dir}`);
    expect(stderr).toBe(
      `note: the simulated host is in ${temporary.dir}; a browser shows ${temporary.dir}/report.html\n`,
    );
    const withoutStamp = (line: string): string => line.slice(line.indexOf(']') + 2);
    const predicted = readFileSync(join(temporary.dir, 'kernel.log'), 'utf8').trimEnd().split('\n');
    expect(predicted[0]).toMatch(/^\[ {4}0\.000000\] BEFORE PREROUTING: /);
    expect(predicted.map(withoutStamp).map((l) => l.trimEnd())).toEqual(
      logLines()
        .map(withoutStamp)
        .map((l) => l.trimEnd()),
    );

    const source = openCaptures([join(temporary.dir, 'egress.pcapng')]);
    const seen: string[] = [];
    for await (const frame of source.frames()) {
      seen.push(frame.interface);
      expect(frame.direction).toBe('out');
      if (frame.number === 1)
        expect(frame.comment).toBe(
          'ACCEPT, frame 1 of the capture\n' +
            'rules: nat:PREROUTING:1 nat:PREROUTING:2 nat:DOCKER:2 filter:FORWARD:1 filter:FORWARD:2 ' +
            'filter:DOCKER-USER:2 filter:FORWARD:4 filter:DOCKER:1 nat:POSTROUTING:1 nat:POSTROUTING:3',
        );
    }
    expect(source.errors).toEqual([]);
    expect(seen).toHaveLength(22);
    expect(new Set(seen)).toEqual(new Set(['eth0', 'docker0']));
  });

  it('tells of each frame what became of it', async () => {
    using temporary = scratch();
    await run(`replay ${CAPTURE} --host ${HOST} --out ${temporary.dir} --quiet`);
    const [head, first, second] = readFileSync(join(temporary.dir, 'packets.csv'), 'utf8').split('\r\n');
    const row = (line: string): Record<string, string> =>
      Object.fromEntries(line.split(',').map((cell, i) => [head.split(',')[i], cell]));
    expect(row(first)).toMatchObject({
      frame: '1',
      interface: 'eth0',
      verdict: 'ACCEPT',
      rule: 'filter:DOCKER:1',
      nat: '198.51.100.9:55180 > 172.17.0.2:6379',
      logs: '4',
    });
    expect(row(second)).toMatchObject({ frame: '2', interface: 'docker0', verdict: '', logs: '0' });
  });

  it('names the rule that dropped, and the one that rejected', async () => {
    using temporary = scratch();
    const { stdout } = await run(
      `replay captures/docker-published-port-fixed/any.pcap --host rulesets/docker-published-port-fixed --out ${temporary.dir}`,
    );
    expect(stdout).toContain('packets: 1 DROP\n');
    const packets = readFileSync(join(temporary.dir, 'packets.csv'), 'utf8');
    expect(packets).toContain(',DROP,filter:DOCKER-USER:1,');
    const rejected = await run('replay captures/default-reject/any.pcap --host rulesets/default-reject');
    expect(rejected.stdout).toMatch(/^packets: .*\d+ REJECT/m);
  });
});

describe('the report', () => {
  it('is coloured where it is wanted', async () => {
    const command = `compare ${CAPTURE} --host ${HOST} --log ${LOG}`;
    const escape = '\u001b[';
    expect((await run(command)).stdout).not.toContain(escape);
    expect((await run(`${command} --color always`)).stdout).toContain(escape);
    expect((await run(command, { isTTY: true, columns: 80 })).stdout).toContain(escape);
    expect((await run(`${command} --color never`, { isTTY: true, columns: 80 })).stdout).not.toContain(
      escape,
    );
    expect((await run(command, { isTTY: true, columns: 80, env: { NO_COLOR: '1' } })).stdout).not.toContain(
      escape,
    );
  });

  it('comes without warnings where --quiet is given, and never without errors', async () => {
    using temporary = scratch();
    const cut = temporary.file('cut.pcap', readFileSync(CAPTURE).subarray(0, 3000));
    expect((await run(`packets ${cut} --quiet`)).stderr).toBe('');
    expect((await run('packets missing.pcap --quiet')).stderr).toContain('there is no such file');
  });

  it('shows no terminal escapes from a capture, a log or a ruleset', async () => {
    using temporary = scratch();
    const evil = '\u001b[2J';
    const rules = temporary.file(
      'evil.rules',
      `*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment "${evil}" -j LOG --log-prefix "${evil}"\n-A INPUT -m ${evil} -j DROP\nCOMMIT\n`,
    );
    const log = temporary.file('evil.log', `[    1.000000] ${evil}${logLines()[0].slice(15)}\n`);
    const outputs = await Promise.all([
      run(`compare ${CAPTURE} --rules ${rules} --log ${log} --search 0`),
      run(`replay ${CAPTURE} --rules ${rules}`),
      run(`log ${log}`),
      run(`log ${log} --format json`),
      run(`log ${log} --format csv`),
      run(`why filter:INPUT:1 ${CAPTURE} --rules ${rules}`),
      run(['why', evil, CAPTURE, '--rules', rules]),
      run(['replay', evil, '--host', evil]),
    ]);
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('\u001b');
  });
});
