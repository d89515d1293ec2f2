#!/usr/bin/env bash
# Holds manifests against Kubernetes' own schemas, strictly: an unknown field is a failure, and so is a kind without a
# schema. The validator carries its schemas; it is installed once into target/ and needs no network after that.
#
#   tests/kubernetes.sh            deploy/kubernetes, and that planted faults are found
#   tests/kubernetes.sh FILE...    these files
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.37.0
venv=target/kubernetes-validate-$version

if ! "$venv/bin/python" -c 'import kubernetes_validate' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "kubernetes-validate==$version"
fi

planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT

validate() { # validate FILE...: against the oldest and the newest Kubernetes that the manifests are for
    local kubernetes said failed=0
    # Kinds that are no part of Kubernetes have no schema there: custom.py knows the few that we use.
    rm -rf "$planted/core"
    mkdir "$planted/core"
    "$venv/bin/python" tests/deploy/custom.py "$planted/core" "$@" || failed=1
    for kubernetes in 1.30 1.37; do
        said=$("$venv/bin/python" -m kubernetes_validate --strict --quiet -k "$kubernetes" "$planted"/core/*) || failed=1
        # What has no schema is only a warning there.
        if [ -n "$said" ]; then
            echo "$said"
            failed=1
        fi
    done
    return "$failed"
}

if [ $# -gt 0 ]; then
    validate "$@"
    exit
fi
folder=deploy/kubernetes
manifests=("$folder"/{one-machine,replicas,check,ingress,monitoring}.yaml)
validate "${manifests[@]}"

must_fail() { # must_fail FILE SED WORD: FILE with a fault is refused, and the refusal names it
    local said
    sed "$2" "$folder/$1" >"$planted/$1"
    if cmp -s "$folder/$1" "$planted/$1"; then
        echo "tests/kubernetes.sh: '$2' changes nothing in $1" >&2
        exit 1
    fi
    if said=$(validate "$planted/$1" 2>&1) || ! grep -q -- "$3" <<<"$said"; then
        echo "tests/kubernetes.sh: '$2' in $1 was not found; the validator said: $said" >&2
        exit 1
    fi
}
must_fail replicas.yaml 's/readinessProbe:/readinesProbe:/' readinesProbe
must_fail replicas.yaml 's/replicas: 2/replicas: two/' two
must_fail replicas.yaml 's/maxUnavailable: 1$/maxUnavailabel: 1/' maxUnavailabel
must_fail one-machine.yaml 's/readOnlyRootFilesystem: true/readOnlyRootFileSystem: true/' readOnlyRootFileSystem
must_fail one-machine.yaml 's/targetPort: ops/targetPorts: ops/' targetPorts
must_fail one-machine.yaml 's/kind: ConfigMap/kind: ConfigMop/' ConfigMop
must_fail check.yaml 's/backoffLimit: 0/backofLimit: 0/' backofLimit
must_fail ingress.yaml 's/pathType: Prefix/pathTyp: Prefix/' pathTyp
must_fail monitoring.yaml 's/relabelings:/relabeling:/' relabeling
must_fail monitoring.yaml 's/expr: up{/expr: up{{/' 'could not parse expression'
echo "$folder: valid for Kubernetes 1.30 and 1.37; planted faults are found"
