#!/usr/bin/env bash
# A Temporal worker with OpenTelemetry, for the test that its spans join ours: installed once into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/tracing-worker
packages="temporalio==1.35.0 opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2"

if [ "$(cat "$venv/packages" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $packages
    echo "$packages" >"$venv/packages"
fi
