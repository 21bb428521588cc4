#!/bin/sh
# npm run test:kernel -- [--seeds N] [--from SEED] [--level 1,2,3] [--family 4,6] [--keep DIR]: random scenarios on the running kernel.
export KERNEL_SEEDS=10 KERNEL_FROM=20000 KERNEL_LEVEL=1,2,3 KERNEL_FAMILY=4,6
export KERNEL_KEEP="${TMPDIR:-/tmp}/nfreplay-disagreements"
while [ $# -ge 2 ]; do
    case $1 in
        --seeds) KERNEL_SEEDS=$2 ;;
        --from) KERNEL_FROM=$2 ;;
        --level) KERNEL_LEVEL=$(echo "$2" | sed 's/1\.\.3/1,2,3/; s/1\.\.2/1,2/; s/2\.\.3/2,3/') ;;
        --family) KERNEL_FAMILY=$2 ;;
        --keep) KERNEL_KEEP=$2 ;;
        *) echo "unknown option: $1" >&2; exit 2 ;;
    esac
    shift 2
done
[ $# -eq 0 ] || { echo "an option without a value: $1" >&2; exit 2; }
npx vitest run --config test/vitest.config.ts test/kernel
status=$?
echo "What disagreed, shrunk, is in $KERNEL_KEEP."
exit $status
