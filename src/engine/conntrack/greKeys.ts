import type { Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';

/**
 * The call id that the sender of a PPTP packet has itself, which its header does not tell (RFC 2637, section 4.1): by whence,
 * where to, and the receiver's call id. `keymap_list` (net/netfilter/nf_conntrack_proto_gre.c).
 */
export class GreKeys {
  private readonly byTarget = new Map<string, Key[]>();
  private readonly byMaster = new Map<ConnectionEntry, [Key | null, Key | null]>();

  get isEmpty(): boolean {
    return this.byTarget.size === 0;
  }

  /** 0 where no call between the two is known (`gre_keymap_lookup()`). */
  sourceKey(tuple: Tuple): number {
    return this.byTarget.get(targetOf(tuple))?.[0].source ?? 0;
  }

  /**
   * One of a connection for each of its directions, `nf_ct_gre_keymap_add()`.
   * @returns false where it has one of another call
   */
  add(master: ConnectionEntry, direction: 0 | 1, tuple: Tuple): boolean {
    const target = targetOf(tuple);
    const keys = this.byMaster.get(master) ?? [null, null];
    const there = keys[direction];
    if (there) return there.target === target;
    const key = { target, source: tuple.sourcePort };
    keys[direction] = key;
    this.byMaster.set(master, keys);
    const list = this.byTarget.get(target);
    if (list) list.push(key);
    else this.byTarget.set(target, [key]);
    return true;
  }

  /** `nf_ct_gre_keymap_destroy()`. */
  forget(master: ConnectionEntry): void {
    for (const key of this.byMaster.get(master) ?? []) {
      const list = key && this.byTarget.get(key.target);
      if (!list) continue;
      list.splice(list.indexOf(key), 1);
      if (list.length === 0) this.byTarget.delete(key.target);
    }
    this.byMaster.delete(master);
  }
}

interface Key {
  readonly target: string;
  readonly source: number;
}

function targetOf({ version, s0, d0, s1, d1, s2, d2, s3, d3, destinationPort }: Tuple): string {
  return [version, s0, d0, s1, d1, s2, d2, s3, d3, destinationPort].join(' ');
}
