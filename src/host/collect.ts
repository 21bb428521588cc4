import { BOOT_TIME_AWK } from './clock.js';

/** The files that hold a command's output as it is; the script makes the others in its functions. */
const COMMANDS: readonly (readonly [file: string, command: string])[] = [
  ['ip-link.json', 'ip -j -d link'],
  ['ip-addr.json', 'ip -j addr'],
  ['ip-route.json', 'ip -j route show table all'],
  ['ip-6-route.json', 'ip -6 -j route show table all'],
  ['ip-rule.json', 'ip -j rule'],
  ['ip-6-rule.json', 'ip -6 -j rule'],
  ['ip-neigh.json', 'ip -j neigh'],
  ['ip-maddr.json', 'ip -j maddr'],
  ['ss-listen.txt', 'ss -Hlntupe'],
  ['nft-ruleset.nft', 'nft list ruleset'],
  ['nft-ruleset.json', 'nft -j list ruleset'],
  ['ipset-save.txt', 'ipset save'],
];

/**
 * A POSIX sh script that makes a host snapshot in the directory named by its first argument. It only reads; every
 * command is optional; dash and busybox run it.
 */
export function collectScript(): string {
  const steps = COMMANDS.map(([file, command]) => `keep ${file} ${command}`);
  return `#!/bin/sh
# Makes a host snapshot for nfreplay. It only reads, and writes nothing but the files of the new directory.
# Run as root: sh collect.sh [DIRECTORY]

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export PATH
umask 077

dir=\${1:-nfreplay-$(uname -n)-$(date -u +%Y%m%dT%H%M%SZ)}
if [ -e "$dir" ] && [ -n "$(ls -A "$dir" 2>/dev/null)" ]; then
    echo "$dir is not empty" >&2
    exit 1
fi
mkdir -p "$dir" || exit 1

# Where a command is, in $where. A busybox may run its own of that name instead, which prints otherwise: so it is run by its path.
have() {
    rest=$PATH:
    while [ -n "$rest" ]; do
        where=\${rest%%:*}/$1
        rest=\${rest#*:}
        if [ -f "$where" ] && [ -x "$where" ]; then return 0; fi
    done
    return 1
}

note() {
    echo "$*" >> "$dir/collect.log"
}

# What the snapshot lacks though the host may have it: said at the end.
lacks=
lack() {
    note "$*"
    lacks="$lacks
    $*"
}

# keep FILE COMMAND...: the output of a command, or no file where it is missing or fails.
keep() {
    file=$1
    name=$2
    shift 2
    if ! have "$name"; then
        note "$file: no $name"
    elif ! "$where" "$@" > "$dir/$file" 2>> "$dir/collect.log"; then
        lack "$file: $name $* failed"
        [ -s "$dir/$file" ] || rm -f "$dir/$file"
    fi
}

# The rules of the variant that the host uses, and of the legacy one: where both have some, both run.
rules() {
    keep "$1-save.txt" "$1-save" -c
    [ -e "$dir/$1-save.txt" ] || return
    have "$1" || return
    case $("$where" --version 2>/dev/null) in
    *nf_tables*) grep -q . "/proc/net/$2" 2>/dev/null && have "$1-legacy-save" || return ;;
    *) return ;;
    esac
    if grep -q '^[*]' "$dir/$1-save.txt"; then
        keep "$1-legacy-save.txt" "$1-legacy-save" -c
        echo "This host has rules in $1-legacy, too: give $dir/$1-legacy-save.txt to nfreplay with --rules" >&2
    else
        keep "$1-save.txt" "$1-legacy-save" -c
    fi
}

settings() {
    if have sysctl; then
        "$where" -a 2>/dev/null | grep '^net\\.'
    else
        note "no sysctl"
    fi
}

connections() {
    if ! [ -e /proc/sys/net/netfilter/nf_conntrack_max ]; then
        note "connections are not tracked"
    elif have conntrack; then
        for family in ipv4 ipv6; do
            "$where" -L -f $family -o extended 2>> "$dir/collect.log" ||
                lack "conntrack.txt: conntrack -L -f $family failed"
        done
    elif [ -r /proc/net/nf_conntrack ]; then
        cat /proc/net/nf_conntrack
    else
        note "no conntrack and no /proc/net/nf_conntrack"
    fi
}

${steps.join('\n')}
settings > "$dir/sysctl.txt"
connections > "$dir/conntrack.txt"
case $lacks in
*conntrack.txt*) [ -s "$dir/conntrack.txt" ] || rm -f "$dir/conntrack.txt" ;;
esac
rules iptables ip_tables_names
rules ip6tables ip6_tables_names

{
    uname -a
    for name in iptables nft conntrack; do
        if have $name; then "$where" --version; fi
    done
} > "$dir/versions.txt" 2>/dev/null

# When the kernel's clock stood at 0: to the ns where root may read it, and else to 10 ms.
boot=
if have awk && [ -r /proc/timer_list ]; then
    boot=$(awk '${BOOT_TIME_AWK}' /proc/timer_list 2>/dev/null)
fi
if [ -n "$boot" ]; then
    echo "{\\"boot_epoch_s\\": $boot}" > "$dir/clock.json"
elif have awk && [ -r /proc/uptime ]; then
    now=$(date +%s.%N)
    case $now in
    *[!0-9.]* | *.) now=$(date +%s) ;;
    esac
    awk -v now="$now" '{ printf "{\\"boot_epoch_s\\": %.6f}\\n", now - $1 }' /proc/uptime > "$dir/clock.json"
fi

[ -s "$dir/collect.log" ] || rm -f "$dir/collect.log"

# Whoever became root for this is to read it.
if [ -n "$SUDO_UID" ]; then chown -R "$SUDO_UID" "$dir"; fi

if [ -n "$lacks" ]; then
    echo "The snapshot is not whole; $dir/collect.log says why:$lacks" >&2
    if have id && [ "$("$where" -u)" != 0 ]; then
        echo "Most of this only root may read: remove $dir, and run it as root." >&2
    fi
fi
echo "The snapshot is in $dir. Now capture, beside the log, for as long as is wanted:" >&2
if have tcpdump; then
    echo "    tcpdump -i any -n -s 0 -w $dir/any.pcap --time-stamp-precision=nano" >&2
else
    echo "    (tcpdump is not installed: any program that writes pcap or pcapng of all interfaces will do)" >&2
fi
if have dmesg && "$where" --version >/dev/null 2>&1; then
    echo "    dmesg -w > $dir/kernel.log" >&2
    if have journalctl; then echo "or  journalctl -k -f -o short-unix > $dir/kernel.log" >&2; fi
else
    echo "    dmesg > $dir/kernel.log    (afterwards)" >&2
fi
if have conntrack; then
    echo "    conntrack -E > $dir/conntrack-events.txt    (if wanted)" >&2
fi
`;
}
