//! The pods of both shapes: what they are told, what is mounted, who may reach them, and how they end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use serde_json::{Value, json};
use signalpost::settings::environment;

use super::{list, page, resource, resources, routes, text};
use crate::settings::{options, program};

pub(super) const SHAPES: [(&str, &str); 2] = [
    ("replicas.yaml", "Deployment"),
    ("one-machine.yaml", "StatefulSet"),
];

pub(super) fn pod(file: &str, kind: &str) -> Value {
    resource(file, kind)["spec"]["template"]["spec"].clone()
}

pub(super) fn container(pod: &Value) -> &Value {
    let containers = list(&pod["containers"]);
    assert_eq!(containers.len(), 1);
    &containers[0]
}

/// The gateway's own variables.
fn variables(pod: &Value) -> BTreeMap<String, String> {
    list(&container(pod)["env"])
        .iter()
        .map(|one| {
            (
                text(&one["name"]).to_owned(),
                text(&one["value"]).to_owned(),
            )
        })
        .filter(|(name, _)| name.starts_with("SIGNALPOST_"))
        .collect()
}

#[test]
fn every_variable_is_a_setting_and_well_formed() {
    for (file, kind) in SHAPES {
        let ours = variables(&pod(file, kind)).into_iter();
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        assert_eq!(environment::check(&program(), ours), Ok(()), "{file}");
    }
    // What the pages tell to add, and what the chart can set, too.
    for name in [
        "deploy/kubernetes/README.md",
        "deploy/README.md",
        "deploy/helm/signalpost/README.md",
        "deploy/helm/signalpost/values.yaml",
        "deploy/helm/signalpost/ci/everything.yaml",
        "deploy/helm/signalpost/templates/_env.tpl",
        "deploy/helm/signalpost/templates/tests/ready.yaml",
    ] {
        let page = page(name);
        let named = page.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        let program = program();
        let mut known = environment::names(&program);
        known.extend(["SIGNALPOST_OPS_URL"]);
        for name in named.filter(|word| word.starts_with("SIGNALPOST_") && word.len() > 11) {
            assert!(known.contains(&name), "{name} is no setting");
        }
    }
}

/// The settings of a pod as the program takes them, with its tokens in a file of the test's.
fn settings(pod: &Value) -> signalpost::settings::ServeOptions {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    let line = format!("ann act sha256:{}\n", "0".repeat(64));
    std::fs::write(&tokens, line).expect("tokens");
    let mut flags = Vec::new();
    for (name, value) in variables(pod) {
        let flag = name.trim_start_matches("SIGNALPOST_").to_lowercase();
        let value = value.replace("/run/secrets/ops", &folder.path().display().to_string());
        flags.push(format!("--{}={value}", flag.replace('_', "-")));
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    options(&flags).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_program_takes_the_settings_together_and_ends_before_it_is_killed() {
    for (file, kind) in SHAPES {
        let pod = pod(file, kind);
        let settings = settings(&pod);
        assert!(settings.operators.have_tokens(), "{file}");
        let grace = pod["terminationGracePeriodSeconds"]
            .as_u64()
            .expect("a number");
        let needed = settings.drain_delay + settings.drain + Duration::from_secs(5);
        assert!(Duration::from_secs(grace) >= needed, "{file}: {grace}");
    }
}

#[test]
fn ports_of_settings_containers_probes_and_services_agree() {
    for (file, kind) in SHAPES {
        let pod = pod(file, kind);
        let settings = settings(&pod);
        let container = container(&pod);
        let ports: BTreeMap<_, _> = list(&container["ports"])
            .iter()
            .map(|port| (text(&port["name"]), port["containerPort"].as_u64()))
            .collect();
        assert_eq!(ports["public"], Some(u64::from(settings.listen.port())));
        assert_eq!(ports["ops"], Some(u64::from(settings.ops_listen.port())));
        assert!(settings.listen.ip().is_unspecified() && settings.ops_listen.ip().is_unspecified());
        for (probe, path) in [
            ("startupProbe", "/live"),
            ("livenessProbe", "/live"),
            ("readinessProbe", "/ready"),
        ] {
            let asks = json!({ "path": path, "port": "ops" });
            assert_eq!(container[probe]["httpGet"], asks, "{file} {probe}");
        }
        let labels = &resource(file, kind)["spec"]["template"]["metadata"]["labels"];
        assert_eq!(
            &resource(file, kind)["spec"]["selector"]["matchLabels"],
            labels
        );
        let mut services = resources(file);
        services.retain(|resource| resource["kind"] == "Service");
        assert_eq!(services.len(), 2);
        for service in services {
            assert_eq!(&service["spec"]["selector"], labels);
            for port in list(&service["spec"]["ports"]) {
                assert!(ports.contains_key(text(&port["targetPort"])), "{port}");
                // One door each: operators are not behind the public name.
                assert_eq!(list(&service["spec"]["ports"]).len(), 1);
            }
        }
    }
}

/// Every path that a setting or the routes name.
fn named_paths(file: &str, pod: &Value) -> Vec<String> {
    let of_settings = variables(pod).into_values();
    let mut paths: Vec<String> = of_settings.filter(|value| value.starts_with('/')).collect();
    let routes = routes(file);
    let files = routes.split("\"file:").skip(1);
    paths.extend(files.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    paths
}

/// The name of the one Secret of a volume.
fn secret(volume: &Value) -> Option<&str> {
    let sources = list(&volume["projected"]["sources"]);
    let projected = sources
        .first()
        .map_or(&Value::Null, |one| &one["secret"]["name"]);
    volume["secret"]["secretName"]
        .as_str()
        .or(projected.as_str())
}

#[test]
fn every_file_is_mounted_as_a_folder_and_comes_from_where_the_pages_say() {
    let readme = page("deploy/kubernetes/README.md");
    for (file, kind) in SHAPES {
        let pod = pod(file, kind);
        let mounts = list(&container(&pod)["volumeMounts"]);
        for mount in mounts {
            assert_eq!(mount.get("subPath"), None, "such a mount never changes");
        }
        let claims = &resource(file, kind)["spec"]["volumeClaimTemplates"];
        for path in named_paths(file, &pod) {
            let (folder, key) = path.rsplit_once('/').expect("a path");
            let mount = mounts.iter().find(|mount| mount["mountPath"] == folder);
            let mount = mount.unwrap_or_else(|| panic!("{file}: {path} is not mounted"));
            let is_it = |volume: &&Value| volume["name"] == mount["name"];
            let Some(volume) = list(&pod["volumes"]).iter().find(is_it) else {
                let claimed = |claim: &Value| claim["metadata"]["name"] == mount["name"];
                assert!(list(claims).iter().any(claimed), "{file}: {path}");
                continue;
            };
            if let Some(secret) = secret(volume) {
                let created = format!("kubectl create secret generic {secret} --from-");
                let line = readme.lines().find(|line| line.contains(&created));
                let line = line.unwrap_or_else(|| panic!("no command makes {secret}"));
                assert!(line.contains(&format!("={key}=")), "{line} makes no {key}");
                let mode = ["secret", "projected"].map(|kind| volume[kind]["defaultMode"].as_u64());
                assert!(mode.contains(&Some(0o440)), "{volume}");
            } else {
                let map = resource(file, "ConfigMap");
                assert_eq!(volume["configMap"]["name"], map["metadata"]["name"]);
                assert!(map["data"].get(key).is_some(), "{key}");
            }
            assert_eq!(mount["readOnly"], true, "{file}: {path}");
        }
    }
}

#[test]
fn pods_give_up_what_they_do_not_need() {
    for (file, kind) in SHAPES {
        let pod = pod(file, kind);
        assert_eq!(pod["automountServiceAccountToken"], false, "{file}");
        assert_eq!(pod["enableServiceLinks"], false, "{file}");
        let security = json!({
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": { "type": "RuntimeDefault" },
        });
        assert_eq!(pod["securityContext"], security, "{file}");
        let security = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container(&pod)["securityContext"], security, "{file}");
        let resources = &container(&pod)["resources"];
        for (kind, what) in [
            ("requests", "cpu"),
            ("requests", "memory"),
            ("limits", "memory"),
        ] {
            assert!(
                resources[kind][what].is_string(),
                "{file}: {kind} of {what}"
            );
        }
    }
}

#[test]
fn replicas_are_replaced_one_by_one_and_a_store_has_one_process() {
    let deployment = resource("replicas.yaml", "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let rolling = json!({ "maxUnavailable": 0, "maxSurge": 1 });
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"], rolling);
    let budget = resource("replicas.yaml", "PodDisruptionBudget");
    assert_eq!(budget["spec"]["selector"], deployment["spec"]["selector"]);
    let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
    for constraint in list(spread) {
        assert_eq!(constraint["labelSelector"], deployment["spec"]["selector"]);
    }
    assert_eq!(list(spread).len(), 2);
    let variables = variables(&pod("replicas.yaml", "Deployment"));
    assert!(variables["SIGNALPOST_STORE"].starts_with("redis://"));
    assert_eq!(
        resource("one-machine.yaml", "StatefulSet")["spec"]["replicas"],
        1
    );
}
