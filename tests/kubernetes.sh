#!/usr/bin/env bash
# Holds deploy/kubernetes against Kubernetes' own schemas, strictly: an unknown field is a failure, and so is a kind
# without a schema. Then plants faults and sees that each of them is found. The validator carries its schemas; it is
# installed once into target/ and needs no network after that.
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.37.0
venv=target/kubernetes-validate-$version

if ! "$venv/bin/python" -c 'import kubernetes_validate' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "kubernetes-validate==$version"
fi

validate() { # validate FILE...: against the oldest and the newest Kubernetes that the manifests are for
    local kubernetes said failed=0
    for kubernetes in 1.30 1.37; do
        said=$("$venv/bin/python" -m kubernetes_validate --strict --quiet -k "$kubernetes" "$@") || failed=1
        # What has no schema is only a warning there.
        if [ -n "$said" ]; then
            echo "$said"
            failed=1
        fi
    done
    return "$failed"
}

validate deploy/kubernetes/*.yaml

planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
must_fail() { # must_fail FILE SED WORD: FILE with a fault is refused, and the refusal names it
    local said
    sed "$2" "deploy/kubernetes/$1" >"$planted/$1"
    if cmp -s "deploy/kubernetes/$1" "$planted/$1"; then
        echo "tests/kubernetes.sh: '$2' changes nothing in $1" >&2
        exit 1
    fi
    if said=$(validate "$planted/$1") || ! grep -q -- "$3" <<<"$said"; then
        echo "tests/kubernetes.sh: '$2' in $1 was not found; the validator said: $said" >&2
        exit 1
    fi
}
must_fail replicas.yaml 's/readinessProbe:/readinesProbe:/' readinesProbe
must_fail replicas.yaml 's/replicas: 2/replicas: two/' two
must_fail replicas.yaml 's/maxUnavailable: 1$/maxUnavailabel: 1/' maxUnavailabel
must_fail one-machine.yaml 's/readOnlyRootFilesystem: true/readOnlyRootFileSystem: true/' readOnlyRootFileSystem
must_fail services.yaml 's/targetPort: ops/targetPorts: ops/' targetPorts
must_fail routes.yaml 's/kind: ConfigMap/kind: ConfigMop/' ConfigMop
echo "deploy/kubernetes: valid for Kubernetes 1.30 and 1.37; planted faults are found"
