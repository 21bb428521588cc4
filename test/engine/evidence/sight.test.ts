import { describe, expect, it } from 'vitest';
import { LinkType } from '../../../src/capture/frame.js';
import { Sight } from '../../../src/engine/evidence/sight.js';
import { assumeHost } from '../../../src/host/assume.js';
import { parse } from '../../../src/klog/parse.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { Hook } from '../../../src/rules/hook.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { packetOf } from '../helpers/words.js';

const host = assumeHost({ interfaces: ['eth0', 'eth1'] }, new Diagnostics());
const [eth0, eth1] = ['eth0', 'eth1'].map((name) => host.deviceFor(name));
const frame = (linkType: number): Parameters<Sight['note']>[0] =>
  ({ linkType, interface: '' }) as Parameters<Sight['note']>[0];

const line = (words: string): ReturnType<typeof parse> => parse(words);
const CAME = 'IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2';
const LEFT = CAME.replace('IN=eth0 OUT=', 'IN= OUT=eth0');

describe('what a capture shows', () => {
  it('of all interfaces and both ways is everything', () => {
    const sight = new Sight();
    sight.note(frame(LinkType.linuxSll2), eth0, 'in');
    sight.note(frame(LinkType.linuxSll2), eth1, 'out');
    expect([sight.whyUnseen(line(CAME)), sight.whyUnseen(line(LEFT))]).toEqual([null, null]);
    expect(sight.lacks(Hook.postrouting, host.links)).toBe(false);
  });

  it.each([
    ['in', CAME, LEFT, 'nothing that left by eth0 was captured'],
    ['out', LEFT, CAME, 'nothing that came in by eth0 was captured'],
  ] as const)('of one way (%s) is not the other', (way, shown, lacking, reason) => {
    const sight = new Sight();
    sight.note(frame(LinkType.linuxSll2), eth0, way);
    expect(sight.whyUnseen(line(lacking))).toEqual({ mayBeCaptured: false, reason });
    if (way === 'in') expect(sight.whyUnseen(line(shown))).toBeNull();
    // What the host dropped of its own answers is nowhere.
    else expect(sight.whyUnseen(line(shown))).toMatchObject({ mayBeCaptured: true });
  });

  it('of one interface lacks packets for what counts them', () => {
    const sight = new Sight();
    sight.note(frame(LinkType.ethernet), eth0, 'in');
    sight.note(frame(LinkType.ethernet), eth0, 'out');
    expect(sight.lacks(Hook.forward, host.links)).toBe(true);
  });

  it('says nothing of a packet in doubt, though the log writes all digits of its addresses', () => {
    const sight = new Sight();
    sight.note(frame(LinkType.linuxSll2), eth0, 'in');
    const packet = decodePacket(packetOf('udp [2001:db8::1]:53 > [2001:db8::2]:4000'));
    if (typeof packet === 'string') throw new Error(packet);
    sight.leaveOut(packet, 'it is in doubt');
    const told = line(
      'IN=eth0 OUT= SRC=2001:0db8:0000:0000:0000:0000:0000:0001 DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=UDP SPT=53 DPT=4000 LEN=8',
    );
    expect(sight.whyUnseen(told)).toEqual({ mayBeCaptured: true, reason: 'it is in doubt' });
  });
});
