"""Takes the kinds that are no part of Kubernetes out of manifests and looks at them: no schema of theirs is at hand.

    custom.py FOLDER FILE...    writes what Kubernetes has schemas for into FOLDER; fails on what is wrong with the rest

Known are the fields that we use, as their authors document them; the groups of a PrometheusRule are promtool's to judge.
"""

import pathlib
import subprocess
import sys
import tempfile

import yaml

ANY = object()
SELECTOR = {"matchLabels": ANY, "matchExpressions": ANY}
KNOWN = {
    "monitoring.coreos.com/v1 ServiceMonitor": {
        "selector": SELECTOR,
        "namespaceSelector": ANY,
        "endpoints": [{
            "port": str, "path": str, "interval": str, "scrapeTimeout": str, "scheme": str,
            "relabelings": [{"sourceLabels": ANY, "targetLabel": str, "regex": str, "action": str, "replacement": str}],
        }],
    },
    "monitoring.coreos.com/v1 PrometheusRule": {"groups": ANY},
    "gateway.networking.k8s.io/v1 HTTPRoute": {
        "parentRefs": [{"group": str, "kind": str, "name": str, "namespace": str, "sectionName": str, "port": int}],
        "hostnames": [str],
        "rules": [{"name": str, "matches": ANY, "filters": ANY, "timeouts": ANY,
                   "backendRefs": [{"group": str, "kind": str, "name": str, "namespace": str, "port": int, "weight": int}]}],
    },
}


def faults(value, known, path):
    if known is ANY:
        return
    if isinstance(known, type):
        if not isinstance(value, known):
            yield f"{path}: {value!r} is no {known.__name__}"
    elif isinstance(known, list):
        if not isinstance(value, list) or not value:
            yield f"{path}: {value!r} is no list with something in it"
            return
        for index, item in enumerate(value):
            yield from faults(item, known[0], f"{path}[{index}]")
    else:
        for key, below in value.items():
            if key in known:
                yield from faults(below, known[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is no field that is known here"


def rules_fault(spec):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(spec, file)
        file.flush()
        told = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
        return told.stdout + told.stderr if told.returncode else None


def main(folder, files):
    failed = False
    for number, file in enumerate(files):
        core = []
        for document in yaml.safe_load_all(pathlib.Path(file).read_text()):
            if document is None:
                continue
            kind = f"{document.get('apiVersion')} {document.get('kind')}"
            if kind not in KNOWN:
                core.append(document)
                continue
            found = list(faults(document["spec"], KNOWN[kind], f"{file}: {document['kind']}"))
            if document["kind"] == "PrometheusRule" and (said := rules_fault(document["spec"])):
                found.append(f"{file}: {said}")
            failed = failed or bool(found)
            print("\n".join(found), end="\n" if found else "")
        if core:
            name = f"{number}-{pathlib.Path(file).name}"
            (pathlib.Path(folder) / name).write_text(yaml.safe_dump_all(core))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
