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
  ['ss-listen.txt', 'ss -Hlntup'],
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

have() {
    command -v "$1" >/dev/null 2>&1
}

note() {
    echo "$*" >> "$dir/collect.log"
}

# keep FILE COMMAND...: the output of a command, or no file where it is missing or fails.
keep() {
    file=$1
    shift
    if ! have "$1"; then
        note "$file: no $1"
    elif ! "$@" > "$dir/$file" 2>> "$dir/collect.log"; then
        note "$file: $* failed"
        [ -s "$dir/$file" ] || rm -f "$dir/$file"
    fi
}

# The rules of the variant that the host uses, and of the legacy one: where both have some, both run.
rules() {
    if ! have "$1-save"; then
        note "no $1-save"
        return
    fi
    "$1-save" -c > "$dir/$1-save.txt" 2>> "$dir/collect.log"
    case $("$1" --version 2>/dev/null) in
    *nf_tables*) grep -q . "/proc/net/$2" 2>/dev/null && have "$1-legacy-save" || return ;;
    *) return ;;
    esac
    if grep -q '^[*]' "$dir/$1-save.txt"; then
        "$1-legacy-save" -c > "$dir/$1-legacy-save.txt" 2>> "$dir/collect.log"
        echo "This host has rules in $1-legacy, too: give $dir/$1-legacy-save.txt to nfreplay with --rules" >&2
    else
        "$1-legacy-save" -c > "$dir/$1-save.txt" 2>> "$dir/collect.log"
    fi
}

settings() {
    if have sysctl; then
        sysctl -a 2>/dev/null | grep '^net\\.'
    else
        note "no sysctl"
    fi
}

connections() {
    if ! [ -e /proc/sys/net/netfilter/nf_conntrack_max ]; then
        note "connections are not tracked"
    elif have conntrack; then
        conntrack -L -f ipv4 -o extended 2>> "$dir/collect.log"
        conntrack -L -f ipv6 -o extended 2>> "$dir/collect.log"
    elif [ -r /proc/net/nf_conntrack ]; then
        cat /proc/net/nf_conntrack
    else
        note "no conntrack and no /proc/net/nf_conntrack"
    fi
}

${steps.join('\n')}
settings > "$dir/sysctl.txt"
connections > "$dir/conntrack.txt"
rules iptables ip_tables_names
rules ip6tables ip6_tables_names

{
    uname -a
    if have iptables; then iptables --version; fi
    if have nft; then nft --version; fi
    if have conntrack; then conntrack --version; fi
} > "$dir/versions.txt" 2>/dev/null

# When the kernel's clock stood at 0, for the time stamps of its log.
if have awk && [ -r /proc/uptime ]; then
    now=$(date +%s.%N)
    case $now in
    *[!0-9.]* | *.) now=$(date +%s) ;;
    esac
    awk -v now="$now" '{ printf "{\\"boot_epoch_s\\": %.6f}\\n", now - $1 }' /proc/uptime > "$dir/clock.json"
fi

[ -s "$dir/collect.log" ] || rm -f "$dir/collect.log"

echo "The snapshot is in $dir. Now capture, beside the log, for as long as is wanted:" >&2
if have tcpdump; then
    echo "    tcpdump -i any -n -s 0 -w $dir/any.pcap --time-stamp-precision=nano" >&2
else
    echo "    (tcpdump is not installed: any program that writes pcap or pcapng of all interfaces will do)" >&2
fi
if dmesg --version >/dev/null 2>&1; then
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
