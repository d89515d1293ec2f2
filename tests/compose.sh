#!/usr/bin/env bash
# Reads deploy/compose.yaml with the loader that `docker compose` itself uses (its schema), and sees
# that planted faults are found. The loader is a Go module, built once into target/; no Docker is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.16.2
loader=$PWD/target/compose-go-$version/cmd

if ! [ -x "$loader" ]; then
    echo "tests/compose.sh: building the loader of Compose files with Go, once: under a minute" >&2
    GOBIN=$(dirname "$loader") go install -trimpath "github.com/compose-spec/compose-go/v2/cmd@v$version"
fi

cd deploy
model=$("$loader" compose.yaml)
for service in gateway redis temporal prometheus grafana; do
    grep -q "^    $service:" <<<"$model" || { echo "tests/compose.sh: no service $service" >&2; exit 1; }
done

planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
must_fail() { # must_fail SED WORDS: the file with a fault is refused, and the refusal has WORDS in it
    local said
    sed "$1" compose.yaml >"$planted/compose.yaml"
    if cmp -s compose.yaml "$planted/compose.yaml"; then
        echo "tests/compose.sh: '$1' changes nothing" >&2
        exit 1
    fi
    if said=$("$loader" "$planted/compose.yaml" 2>&1) || ! grep -q -- "$2" <<<"$said"; then
        echo "tests/compose.sh: '$1' was not found; the loader said: ${said:0:300}" >&2
        exit 1
    fi
}
must_fail 's/read_only: true/readonly: true/' readonly
must_fail 's/condition: service_healthy/condition: service_ready/' condition
must_fail 's/127.0.0.1:8080:8080/127.0.0.1:8080:none/' none
must_fail 's/retries: 6/retries: [6]/' retries
echo "deploy/compose.yaml: loads; planted faults are found"
