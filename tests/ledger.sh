#!/usr/bin/env bash
# The ledger run at any length: kills everything under load and compares every yes with the workflows' histories.
#
#   tests/ledger.sh [--events N] [--kills N] [--seed N]
set -euo pipefail
cd "$(dirname "$0")/.."
while [ $# -gt 0 ]; do
    case "$1" in
        --events) export LEDGER_EVENTS=$2; shift 2 ;;
        --kills) export LEDGER_KILLS=$2; shift 2 ;;
        --seed) export LEDGER_SEED=$2; shift 2 ;;
        *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
exec cargo test --test suite -- --exact --nocapture ledger::nothing_is_lost_twice_or_out_of_order_while_everything_dies
