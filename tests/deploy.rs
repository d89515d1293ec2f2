//! What stands in deploy/ fits together and fits the program: settings, ports, paths, secrets, times.
//!
//! Whether Kubernetes knows the fields is tests/kubernetes.sh's to say; here it is what they mean.

mod image;
mod pods;
mod systemd;

use std::path::PathBuf;

use serde_json::Value;

use crate::cli::signalpost;

pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The resources of one file of deploy/kubernetes. A key that stands twice is an error.
fn resources(name: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml_ng::Deserializer::from_str(&page(&format!("deploy/kubernetes/{name}")))
        .map(|document| {
            let yaml = serde_yaml_ng::Value::deserialize(document).expect("YAML");
            serde_json::to_value(yaml).expect("a resource is JSON too")
        })
        .collect()
}

/// The one resource of that kind in a file.
fn resource(name: &str, kind: &str) -> Value {
    let mut found = resources(name);
    found.retain(|resource| resource["kind"] == kind);
    assert_eq!(found.len(), 1, "{kind} in {name}");
    found.remove(0)
}

fn routes() -> String {
    let map = resource("routes.yaml", "ConfigMap");
    map["data"]["routes.toml"]
        .as_str()
        .expect("routes.toml")
        .to_owned()
}

#[test]
fn the_routes_of_the_config_map_would_be_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = folder.path().display().to_string();
    std::fs::write(
        folder.path().join("stripe"),
        "whsec_of_sixteen_bytes_or_more",
    )
    .expect("stripe");
    let path = folder.path().join("routes.toml");
    std::fs::write(&path, routes().replace("/run/secrets/webhooks", &secrets)).expect("routes");
    let output = signalpost(&["check", "--secrets", "--deny-warnings"])
        .arg(&path)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_key_that_stands_twice_is_found() {
    let twice = serde_yaml_ng::from_str::<serde_yaml_ng::Value>("a: 1\na: 2\n");
    assert!(twice.is_err());
}
