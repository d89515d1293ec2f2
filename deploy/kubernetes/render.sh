#!/usr/bin/env bash
# Plain manifests from the Helm chart, for those who have no Helm in their cluster's life.
#
#   deploy/kubernetes/render.sh VALUES.yaml   prints everything for your own values
#   deploy/kubernetes/render.sh               writes what this folder holds, and the chart's copies of alerts and dashboard
#   deploy/kubernetes/render.sh --check       fails where that differs from what is here
#
# HELM names the program (helm, version 3), KUBE_VERSION the cluster's version.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
deploy=$(dirname "$here")
chart=$deploy/helm/signalpost

render() { # render VALUES [FLAGS]: without what only Helm itself needs
    "${HELM:-helm}" template signalpost "$chart" --kube-version "${KUBE_VERSION:-1.37}" --values "$@" |
        sed -e '/^ *app.kubernetes.io\/managed-by: /d' -e '/^ *helm.sh\//d' -e '/^# Source: /d' -e 's/ *$//'
}

write() { # write FOLDER: everything that is made of something else
    cp "$deploy/alerts.yaml" "$deploy/dashboard.json" "$1/chart/"
    local head="# Rendered from deploy/helm/signalpost by render.sh with"
    local name
    for name in one-machine replicas; do
        { echo "$head $name.values.yaml; change that and render again."
          render "$here/$name.values.yaml" --no-hooks; } >"$1/here/$name.yaml"
    done
    { echo "$head one-machine.values.yaml: is the routing file good? README says when."
      render "$here/one-machine.values.yaml" --show-only templates/check.yaml | sed '/^  annotations:$/d'; } >"$1/here/check.yaml"
    { echo "$head extras.values.yaml: the way in, by an Ingress. Change the host."
      render "$here/extras.values.yaml" --show-only templates/ingress.yaml; } >"$1/here/ingress.yaml"
    { echo "$head extras.values.yaml: for the Prometheus Operator."
      render "$here/extras.values.yaml" --show-only templates/monitoring.yaml; } >"$1/here/monitoring.yaml"
}

case "${1:-}" in
    "" | --check)
        made=$(mktemp -d)
        trap 'rm -rf "$made"' EXIT
        mkdir "$made/here" "$made/chart"
        write "$made"
        if [ -z "${1:-}" ]; then
            cp "$made"/here/* "$here/"
            cp "$made"/chart/* "$chart/files/"
        elif ! (diff -u "$chart/files" "$made/chart" && for file in "$made"/here/*; do
            diff -u "$here/${file##*/}" "$file" || exit 1
        done); then
            echo "deploy/kubernetes/render.sh: the above is not what the chart gives; run it without --check" >&2
            exit 1
        fi
        ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" ;;
    -*) echo "deploy/kubernetes/render.sh: $1 is no flag; see --help" >&2; exit 2 ;;
    *) render "$1" --no-hooks ;;
esac
