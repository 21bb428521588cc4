import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DATA } from '../capture/bytes.js';
import { CAPTURE, HOST, scratch } from './examples.js';
import { run } from './run.js';

/** `tcpdump -i nflog:5` on a router of Linux 6.18 that told of packets at four hooks, and its snapshot. */
const NFLOG = 'test/cli/nflog/nflog.pcap';
const SNAPSHOT = 'test/cli/nflog/host';

describe('a capture of NFLOG messages', () => {
  it('is the packets and the log at once', async () => {
    const { status, stdout } = await run(`compare ${NFLOG} --host ${SNAPSHOT} --log ${NFLOG} --format json`);
    const { summary, differences } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ status, differences }).toEqual({ status: 0, differences: [] });
    expect(summary).toMatchObject({ packets: 10, predicted: 10, observed: 10, matched: 10 });
  });

  it('tells of one packet at several hooks, which is run once, as it came in', async () => {
    const { stdout } = await run(`why --packet 9 ${NFLOG} --host ${SNAPSHOT}`);
    expect(stdout).toMatch(/Packet 9, received: tcp 198\.51\.100\.2:\d+ > 198\.51\.100\.1:8080 in eth0/);
    expect(stdout).toMatch(/ip\.destination: 198\.51\.100\.1 -> 192\.0\.2\.9 by nat:PREROUTING:2/);
    const replayed = await run(`replay ${NFLOG} --host ${SNAPSHOT}`);
    expect(replayed.stdout).toMatch(/5 received, .* 1 seen a second time/);
  });

  it('shows what its rules say otherwise', async () => {
    using temporary = scratch();
    const rules = readFileSync(`${SNAPSHOT}/iptables-save.txt`, 'utf8').replace('"fwd: "', '"else: "');
    const changed = temporary.file('rules', rules);
    const { status, stdout } = await run(
      `compare ${NFLOG} --host ${SNAPSHOT} --rules ${changed} --log ${NFLOG} --search 0`,
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /PREFIX differs: packet 9, .*filter:FORWARD:1[^]*simulated else: \n +host {6}fwd: /,
    );
  });

  it('tells of as many bytes as the rule lets through, and of no more', async () => {
    // Linux 6.18, --nflog-size 22: of ICMP the type and the code are there, not what tells one echo from another.
    const command = 'compare test/cli/nflog/cut-any.pcap --log test/cli/nflog/cut.pcap --search 0';
    const rules = 'test/cli/nflog/cut-rules.txt';
    const { status, stdout } = await run(`${command} --rules ${rules}`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/4 packets, 4 predicted, 4 logged, 4 alike/);
    using temporary = scratch();
    const whole = temporary.file('rules', readFileSync(rules, 'utf8').replace(' --nflog-size 22', ''));
    const other = await run(`${command} --rules ${whole}`);
    expect(other.status).toBe(1);
  });

  it('is no log where it is of packets', async () => {
    const { status, stderr } = await run(`compare ${CAPTURE} --host ${HOST} --log ${DATA}eth.pcap`);
    expect(status).toBe(2);
    expect(stderr).toMatch(/60 of its frames are no NFLOG messages/);
  });
});
