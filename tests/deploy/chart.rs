//! The Helm chart: of the program's version, with its copies up to date, and a check that sees what the pods will see.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pods::{SHAPES, container, pod};
use super::{documents, list, page, resource, text};

const CHART: &str = "deploy/helm/signalpost";

#[test]
fn it_is_of_the_programs_version_and_the_manifests_are_too() {
    let chart = &documents(&format!("{CHART}/Chart.yaml"))[0];
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let image = concat!("signalpost:", env!("CARGO_PKG_VERSION"));
    for (file, kind) in SHAPES {
        assert_eq!(container(&pod(file, kind))["image"], image);
    }
    let compose = &documents("deploy/compose.yaml")[0];
    assert_eq!(compose["services"]["gateway"]["image"], image);
}

#[test]
fn its_copies_of_alerts_and_dashboard_are_those_of_deploy() {
    for name in ["alerts.yaml", "dashboard.json"] {
        let copy = page(&format!("{CHART}/files/{name}"));
        assert!(
            copy == page(&format!("deploy/{name}")),
            "{name}: run deploy/kubernetes/render.sh"
        );
    }
}

#[test]
fn values_hold_no_secret_and_every_secret_is_a_name() {
    let values = documents(&format!("{CHART}/values.yaml")).remove(0);
    let mut names = BTreeSet::new();
    let mut below = vec![(String::new(), &values)];
    while let Some((path, value)) = below.pop() {
        let Some(map) = value.as_object() else {
            let key = path.rsplit('.').next().expect("a key");
            let secret = ["password", "token", "apikey"];
            let tells = secret.iter().any(|word| key.to_lowercase().contains(word));
            assert!(!tells, "{path} would hold a secret");
            continue;
        };
        for (key, value) in map {
            if key.ends_with("Secret") {
                let keys: Vec<&str> = value
                    .as_object()
                    .expect("a map")
                    .keys()
                    .map(String::as_str)
                    .collect();
                assert_eq!(keys, ["key", "name"], "{path}.{key}");
                names.insert(key.as_str());
            } else {
                below.push((format!("{path}.{key}"), value));
            }
        }
    }
    assert!(names.contains("tokensSecret") && names.contains("passwordSecret"));
}

/// What the check is told and sees must be what the pods are told and see: else its yes would be worth little.
#[test]
fn the_check_has_the_settings_files_and_privileges_of_the_pods() {
    let check = resource("check.yaml", "Job")["spec"]["template"]["spec"].clone();
    let pod = pod("one-machine.yaml", "StatefulSet");
    for what in ["image", "env", "securityContext"] {
        assert_eq!(container(&check)[what], container(&pod)[what], "{what}");
    }
    for what in [
        "securityContext",
        "automountServiceAccountToken",
        "enableServiceLinks",
    ] {
        assert_eq!(check[what], pod[what], "{what}");
    }
    let args = json!(["check", "--secrets"]);
    assert_eq!(container(&check)["args"], args);
    assert_eq!(check["restartPolicy"], "Never");
    let own = ["store", "scratch"];
    let shared = |value: &Value| {
        let mut items = list(value).to_vec();
        items.retain(|item| !own.contains(&text(&item["name"])));
        items
    };
    assert_eq!(
        list(&container(&check)["volumeMounts"]),
        shared(&container(&pod)["volumeMounts"])
    );
    let mut volumes = shared(&pod["volumes"]);
    assert_eq!(volumes[0]["name"], "routes");
    // The new routes; those of the pods stay as they are until it says yes.
    volumes[0]["configMap"]["name"] = json!("signalpost-check");
    assert_eq!(list(&check["volumes"]), volumes);
    assert_eq!(
        resource("check.yaml", "ConfigMap")["metadata"]["name"],
        "signalpost-check"
    );
}

#[test]
fn its_hooks_run_before_anything_changes_and_a_failed_one_stays_to_be_read() {
    let template = page(&format!("{CHART}/templates/check.yaml"));
    let hooks: Vec<&str> = template
        .lines()
        .filter(|line| line.contains("helm.sh/"))
        .map(str::trim)
        .collect();
    let before = "helm.sh/hook: pre-install,pre-upgrade,pre-rollback";
    let delete = "helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded";
    let map_first = [
        before,
        "helm.sh/hook-weight: \"-5\"",
        delete,
        before,
        "helm.sh/hook-weight: \"0\"",
        delete,
    ];
    assert_eq!(hooks, map_first);
    assert!(template.find("kind: ConfigMap") < template.find("kind: Job"));
    assert_eq!(resource("check.yaml", "Job")["spec"]["backoffLimit"], 0);
}
