#!/bin/sh
# The main job on a recording of a real host: does its log say what its rules say, and why did the DROP never fire?
set -e
cd "$(dirname "$0")/.."

show() {
    echo "\$ nfreplay $*"
    node dist/cli.js "$@"
}

capture=captures/docker-published-port
host=rulesets/docker-published-port
show compare $capture/any.pcap --host $host --log $capture/kernel.log
echo
show why filter:DOCKER-USER:1 $capture/any.pcap --host $host --brief
