#!/usr/bin/env bash
# Restarts the replicas of one deployment one after the other, so that no request is refused: each is stopped gracefully, started,
# and must be ready and at work before the next one is touched. Needs bash, curl and timeout; and two replicas on one Redis.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: rolling-restart.sh [OPTIONS] NAME=OPS_URL NAME=OPS_URL...

NAME is what the commands call a replica, OPS_URL the address of its ops listener, as it is reached from here. Unless you give other
commands, each replica is the unit signalpost.service on a machine of its own, and NAME is what ssh calls that machine:

  rolling-restart.sh hooks-a=http://10.0.0.1:8081 hooks-b=http://10.0.0.2:8081

Several on one machine need a unit each, which you make from the one in deploy/systemd (here signalpost-a, signalpost-b):

  rolling-restart.sh --stop 'systemctl stop "signalpost-$REPLICA"' --start 'systemctl start "signalpost-$REPLICA"' \
      a=http://127.0.0.1:8081 b=http://127.0.0.1:8083

Options:
  --stop COMMAND    stops $REPLICA and waits for its end
                    [default: ssh -n -o BatchMode=yes "$REPLICA" sudo -n systemctl stop signalpost]
  --start COMMAND   starts $REPLICA
                    [default: ssh -n -o BatchMode=yes "$REPLICA" sudo -n systemctl start signalpost]
  --within SECONDS  for each stop, and for each start until it is at work   [default: 120]
  --rest SECONDS    after each one, for balancers to find it ready again    [default: 10]
  --alone           restart a single replica: requests are refused meanwhile
  -h, --help

The commands are run by `sh -c` with REPLICA set, and nobody is there to be asked for a password.

A stop sends SIGTERM: /ready says no, and the replica accepts for DRAIN_DELAY more, so your balancer must ask /ready more often than
that. The service manager must wait for DRAIN_DELAY and DRAIN together before it kills (TimeoutStopSec= of the unit: 40 s for 5 s
and 25 s).

Nothing is stopped unless all the others are ready. When one does not come back in time, the rest is left as it is.

On Kubernetes none of this is needed: `kubectl rollout restart deployment/signalpost` does the same with the manifests of
deploy/kubernetes (maxUnavailable: 0), and `kubectl rollout status deployment/signalpost` waits for it.

Exit code: 0 all are restarted; 1 one is not, and nothing was done to those after it; 2 usage.
HELP
}

fail() { # fail CODE SENTENCE
    echo "rolling-restart: $2" >&2
    exit "$1"
}

stop='ssh -n -o BatchMode=yes "$REPLICA" sudo -n systemctl stop signalpost'
start='ssh -n -o BatchMode=yes "$REPLICA" sudo -n systemctl start signalpost'
within=120
rest=10
alone=''
names=()
urls=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --alone) alone=yes; shift ;;
        --stop | --start | --within | --rest)
            [ $# -ge 2 ] || fail 2 "$1 wants a value; see --help"
            case $1 in
                --stop) stop=$2 ;;
                --start) start=$2 ;;
                --within) within=$2 ;;
                --rest) rest=$2 ;;
            esac
            shift 2 ;;
        -*) fail 2 "$1 is no option; see --help" ;;
        ?*=http*://?*)
            names+=("${1%%=*}")
            urls+=("${1#*=}")
            shift ;;
        *) fail 2 "\`$1\` is not NAME=OPS_URL; see --help" ;;
    esac
done
[[ $within =~ ^[1-9][0-9]*$ && $rest =~ ^[0-9]+$ ]] || fail 2 "--within and --rest take whole seconds; see --help"
[ ${#names[@]} -ge 1 ] || fail 2 "no replica is named; see --help"
[ ${#names[@]} -ge 2 ] || [ -n "$alone" ] || fail 2 "with one replica requests are refused meanwhile; name two, or give --alone"
command -v curl >/dev/null || fail 2 "curl is missing"

is_ready() { # is_ready URL
    curl --silent --fail --output /dev/null --max-time 5 "$1/ready"
}

is_alive() { # is_alive URL
    curl --silent --output /dev/null --max-time 5 "$1/live"
}

# Whether it works its share: of a shared store that is some of the partitions; one of its own has none.
is_at_work() { # is_at_work URL
    local metrics
    metrics=$(curl --silent --fail --max-time 5 "$1/metrics") || return 1
    awk '$1 == "signalpost_redis_replicas" { shared = $2 > 0 } $1 == "signalpost_partitions_owned" { owned = $2 > 0 }
        END { exit shared && !owned }' <<<"$metrics"
}

until_it() { # until_it WHAT COMMAND...: within its time
    local what=$1 end=$((SECONDS + within))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail 1 "$what within ${within}s; the replicas after it are left as they are"
        sleep 0.2
    done
}

is_gone() { ! is_alive "$1"; }

for place in "${!names[@]}"; do
    for other in "${!names[@]}"; do
        [ "$other" = "$place" ] && continue
        is_ready "${urls[$other]}" ||
            fail 1 "${names[$other]} (${urls[$other]}) is not ready: ${names[$place]} is not touched; ask ${urls[$other]}/ready why"
    done
    export REPLICA=${names[$place]}
    url=${urls[$place]}
    began=$SECONDS
    echo "$REPLICA: stopping"
    timeout "$within" sh -c "$stop" || fail 1 "the command that stops $REPLICA failed or took over ${within}s"
    until_it "$REPLICA does not end" is_gone "$url"
    echo "$REPLICA: starting"
    timeout "$within" sh -c "$start" || fail 1 "the command that starts $REPLICA failed or took over ${within}s"
    until_it "$REPLICA is not ready" is_ready "$url"
    until_it "$REPLICA works no partition" is_at_work "$url"
    echo "$REPLICA: ready and at work after $((SECONDS - began))s"
    sleep "$rest"
done
echo "all ${#names[@]} are restarted"
