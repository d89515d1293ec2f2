#!/usr/bin/env bash
# Holds the Helm chart to what it says: lint, every value file of ci/ rendered and valid for Kubernetes, the plain manifests
# no older than the chart, and values that must be refused with the words that help.
#
# Helm is a Go module: it is built once into target/, which takes some minutes on two cores, then reused.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.22.0
chart=deploy/helm/signalpost
export HELM=$PWD/target/helm-$version/helm

if ! [ -x "$HELM" ]; then
    echo "tests/helm.sh: building Helm $version with Go, once: about four minutes on two cores" >&2
    started=$SECONDS
    # It says each module that it fetches.
    GOBIN=$(dirname "$HELM") go install -trimpath -ldflags '-s -w' "helm.sh/helm/v3/cmd/helm@v$version"
    echo "tests/helm.sh: built in $((SECONDS - started)) s" >&2
fi

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for kubernetes in 1.27 1.37; do
    for values in "$chart"/ci/*.yaml; do
        said=$("$HELM" lint --strict --kube-version "$kubernetes" --values "$values" "$chart") || { echo "$values: $said" >&2; exit 1; }
        "$HELM" template a-release "$chart" --kube-version "$kubernetes" --namespace hooks --values "$values" >"$rendered/$(basename "$values")"
    done
done
tests/kubernetes.sh "$rendered"/*.yaml
deploy/kubernetes/render.sh --check

grep -q 'value: "2000000"' "$rendered/everything.yaml" || { echo "tests/helm.sh: a number among the settings is not written out" >&2; exit 1; }
grep -q 'terminationGracePeriodSeconds: 102' "$rendered/everything.yaml" || { echo "tests/helm.sh: 1m30s, 1500ms and ten seconds are not 102 s" >&2; exit 1; }
# What keeps a mesh's sidecar out reaches the two pods that must end.
for file in check tests/ready; do
    made=$("$HELM" template x "$chart" --kube-version 1.37 --values "$chart/ci/everything.yaml" --show-only "templates/$file.yaml")
    for line in 'sidecar.istio.io/inject: "false"' 'linkerd.io/inject: disabled'; do
        grep -qF "$line" <<<"$made" || { echo "tests/helm.sh: $file.yaml lacks $line" >&2; exit 1; }
    done
done
# What is said after a release: Helm shows it only to a cluster, so it is rendered as if it were a manifest.
cp -r "$chart" "$rendered/notes"
{ echo '{{- define "notes" }}'; cat "$chart/templates/NOTES.txt"
  printf '{{- end }}\nkind: Notes\nsaid: |\n{{- include "notes" . | nindent 2 }}\n'; } >"$rendered/notes/templates/notes.yaml"
warned() { # warned FLAGS...: are the proxies asked for?
    "$HELM" template x "$rendered/notes" --kube-version 1.37 --values "$chart/ci/embedded.yaml" --show-only templates/notes.yaml "$@" >"$rendered/said"
    grep -q 'WARNING: env.SIGNALPOST_TRUSTED_PROXIES' "$rendered/said"
}
behind=(--set ingress.enabled=true --set 'ingress.hosts={hooks.example.com}')
gateway=(--set httpRoute.enabled=true --set 'httpRoute.parentRefs[0].name=public')
warned "${behind[@]}" && warned "${gateway[@]}" || { echo "tests/helm.sh: nobody says that the ingress is every client" >&2; exit 1; }
if warned || warned "${behind[@]}" --set env.SIGNALPOST_TRUSTED_PROXIES=10.0.0.0/8 ||
    warned "${gateway[@]}" --set 'extraEnv[0].name=SIGNALPOST_TRUSTED_PROXIES' --set 'extraEnv[0].value=10.0.0.0/8'; then
    echo "tests/helm.sh: the proxies are asked for without a reason" >&2
    exit 1
fi
# New routes must not restart the pods.
same() { "$HELM" template x "$chart" --kube-version 1.37 --values "$chart/ci/redis.yaml" --show-only templates/deployment.yaml "$@"; }
cmp <(same) <(same --set routes.content=other) || { echo "tests/helm.sh: other routes change the Deployment" >&2; exit 1; }
# Whatever stands in the routing file reaches the pods as it is, and its digest is told.
printf '\t# tab\n  [a]\nb = "{{ no.template }} ${body.id}" # \047é\047  \n\n\nc = 1' >"$rendered/odd.toml"
"$HELM" template x "$chart" --kube-version 1.37 --values "$chart/ci/embedded.yaml" --set-file "routes.content=$rendered/odd.toml" \
    --show-only templates/routes.yaml >"$rendered/odd.yaml"
target/kubernetes-validate-*/bin/python - "$rendered"/odd.{toml,yaml} <<'END'
import hashlib, pathlib, sys, yaml
text = pathlib.Path(sys.argv[1]).read_bytes()
made = yaml.safe_load(pathlib.Path(sys.argv[2]).read_text())
assert made["data"]["routes.toml"].encode() == text, made
assert made["metadata"]["annotations"]["signalpost/routes-sha256"] == hashlib.sha256(text).hexdigest()
END
# The package is whole: it renders without the repository around it.
"$HELM" package "$chart" --destination "$rendered" >/dev/null
"$HELM" template x "$rendered"/signalpost-*.tgz --kube-version 1.37 --values "$chart/ci/everything.yaml" | grep -q 'alert: SignalpostDown'

template_fault() { # template_fault FILE SED WORD: the chart with a fault in a template is found out by what it renders
    local said
    rm -rf "$rendered/chart"
    cp -r "$chart" "$rendered/chart"
    sed -i "$2" "$rendered/chart/templates/$1"
    "$HELM" template x "$rendered/chart" --kube-version 1.37 --values "$chart/ci/everything.yaml" >"$rendered/faulty"
    if said=$(tests/kubernetes.sh "$rendered/faulty" 2>&1) || ! grep -q -- "$3" <<<"$said"; then
        echo "tests/helm.sh: '$2' in $1 was not found; the validator said: ${said:0:300}" >&2
        exit 1
    fi
}
template_fault _pod.tpl 's/livenessProbe:/livenesProbe:/' livenesProbe
template_fault network.yaml 's/policyTypes:/policyType:/' policyType
template_fault ingress.yaml 's/parentRefs:/parentRef:/' parentRef

refused=0
must_refuse() { # must_refuse VALUES WORDS FLAGS...: ci/VALUES.yaml with FLAGS is refused, and the refusal has WORDS in it
    local values=$1 words=$2 said
    shift 2
    if said=$("$HELM" template x "$chart" --kube-version 1.37 --values "$chart/ci/$values.yaml" "$@" 2>&1) || ! grep -qF -- "$words" <<<"$said"; then
        echo "tests/helm.sh: $* with ci/$values.yaml should be refused with '$words'; Helm said: ${said:0:600}" >&2
        exit 1
    fi
    refused=$((refused + 1))
}
# By the schema.
must_refuse embedded "/replicas': value must be 1" --set replicas=2
must_refuse redis "/store/redis" --set store.redis.url=
must_refuse redis "additional properties 'replicaCount' not allowed" --set replicaCount=3
must_refuse redis "additional properties 'adress' not allowed" --set temporal.adress=t:7233
must_refuse redis "/store/kind" --set store.kind=postgres
must_refuse redis "/store/redis/url" --set store.redis.url=redis://:secret@redis:6379
must_refuse redis "/store/redis/durability" --set store.redis.durability=always
must_refuse embedded "/drain/delay" --set drain.delay=10
must_refuse embedded "/drain/timeout" --set drain.timeout=1d
must_refuse embedded "invalid propertyName 'SIGNALPOST_STORE'" --set env.SIGNALPOST_STORE=/elsewhere.db
must_refuse embedded "invalid propertyName 'SIGNALPOST_OPS_TOKEN'" --set env.SIGNALPOST_OPS_TOKEN=secret
must_refuse embedded "/image/digest" --set image.digest=sha256:abc
must_refuse embedded "/ingress/hosts" --set ingress.enabled=true
must_refuse embedded "/httpRoute/parentRefs" --set httpRoute.enabled=true
must_refuse embedded "/store/embedded/accessModes" --set 'store.embedded.accessModes={ReadWriteMany}'
must_refuse redis "/autoscaling/minReplicas" --set autoscaling.minReplicas=1
must_refuse redis "/podDisruptionBudget/maxUnavailable" --set podDisruptionBudget.maxUnavailable=0
must_refuse redis "/temporal/address" --set temporal.address=grpc://t:7233
must_refuse embedded "/secrets/0" --set secrets[0].name=null --set secrets[0].value=whsec
must_refuse redis "/networkPolicy/opsFrom" --set networkPolicy.opsFrom[0].namespace=monitoring
# By a sentence.
must_refuse embedded "--set-file routes.content=routes.toml" --set routes.content=
must_refuse embedded "both given; keep one" --set routes.existingConfigMap=ours
must_refuse existing "put the files into that ConfigMap" --set 'routes.files.a\.json=x'
must_refuse embedded "Where is Temporal?" --set temporal.address=
must_refuse redis "in clear" --set temporal.address=http://t:7233 --set temporal.apiKeySecret.name=key
must_refuse embedded "set store.kind=redis" --set store.redis.url=redis://redis
must_refuse embedded "one process owns an embedded store" --set autoscaling.enabled=true
must_refuse embedded "leaves no 512 MiB" --set store.embedded.size=8Gi
must_refuse redis "both given; keep one" --set store.redis.urlSecret.name=redis
must_refuse existing "networkPolicy.egress.redisPorts" --set networkPolicy.egress.redisPorts=null
must_refuse redis "is above autoscaling.maxReplicas" --set autoscaling.enabled=true --set autoscaling.minReplicas=9
head -c 1000001 /dev/zero | tr "\0" x >"$rendered/big"
must_refuse redis "do not fit into a ConfigMap" --set-file "routes.files.big\.json=$rendered/big"
echo "$chart: lints, renders and is valid; deploy/kubernetes is what it gives; $refused bad values are refused"
