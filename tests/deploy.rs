//! What stands in deploy/ fits together and fits the program: settings, ports, paths, secrets, times.
//!
//! Whether Kubernetes and Compose know the fields is tests/kubernetes.sh's and tests/compose.sh's to say, and whether the manifests
//! are what the chart gives tests/helm.sh's; here it is what they mean.

mod chart;
mod compose;
mod contained;
mod image;
mod pods;
mod systemd;
mod ways;

use std::path::PathBuf;

use serde_json::Value;

use crate::cli::signalpost;

pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents of a file of YAML. A key that stands twice is an error.
fn documents(name: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml_ng::Deserializer::from_str(&page(name))
        .map(|document| {
            let yaml = serde_yaml_ng::Value::deserialize(document).expect("YAML");
            serde_json::to_value(yaml).expect("a document is JSON too")
        })
        .filter(|document| !document.is_null())
        .collect()
}

/// The resources of one file of deploy/kubernetes.
fn resources(name: &str) -> Vec<Value> {
    documents(&format!("deploy/kubernetes/{name}"))
}

/// The one resource of that kind in a file.
fn resource(name: &str, kind: &str) -> Value {
    let mut found = resources(name);
    found.retain(|resource| resource["kind"] == kind);
    assert_eq!(found.len(), 1, "{kind} in {name}");
    found.remove(0)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text: {value}"))
}

/// The routing file of a ConfigMap.
fn routes(name: &str) -> String {
    let map = resource(name, "ConfigMap");
    map["data"]["routes.toml"]
        .as_str()
        .expect("routes.toml")
        .to_owned()
}

#[test]
fn the_routes_that_stand_there_would_be_served() {
    let all = ["one-machine.yaml", "replicas.yaml", "check.yaml"].map(routes);
    let compose = page("deploy/compose/routes/routes.toml");
    for (routes, folder) in all
        .iter()
        .map(|routes| (routes, "/run/secrets/webhooks"))
        .chain([(&compose, "/run/secrets")])
    {
        let here = tempfile::tempdir().expect("a folder");
        let secrets = here.path().display().to_string();
        std::fs::write(here.path().join("stripe"), "whsec_of_sixteen_bytes_or_more")
            .expect("stripe");
        let path = here.path().join("routes.toml");
        std::fs::write(&path, routes.replace(folder, &secrets)).expect("routes");
        let output = signalpost(&["check", "--secrets", "--deny-warnings"])
            .arg(&path)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn a_key_that_stands_twice_is_found() {
    let twice = serde_yaml_ng::from_str::<serde_yaml_ng::Value>("a: 1\na: 2\n");
    assert!(twice.is_err());
}
