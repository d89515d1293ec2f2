#!/usr/bin/env bash
# The ledger run at any length: kills everything under load and compares every yes with the workflows' histories.
#
#   tests/ledger.sh [--store embedded|redis] [--events N] [--kills N] [--seed N]
#
# On Redis: three replicas, and Redis is killed too.
set -euo pipefail
cd "$(dirname "$0")/.."
test=ledger::nothing_is_lost_twice_or_out_of_order_while_everything_dies
while [ $# -gt 0 ]; do
    case "$1" in
        --store)
            case "$2" in
                embedded) ;;
                redis) test=fleet::replicas_lose_nothing_repeat_nothing_and_keep_the_order_while_everything_dies ;;
                *) echo "tests/ledger.sh: --store is embedded or redis" >&2; exit 2 ;;
            esac
            shift 2
            ;;
        --events) export LEDGER_EVENTS=$2; shift 2 ;;
        --kills) export LEDGER_KILLS=$2; shift 2 ;;
        --seed) export LEDGER_SEED=$2; shift 2 ;;
        *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
exec cargo test --test suite -- --exact --nocapture "$test"
