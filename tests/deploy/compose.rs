//! compose.yaml: what it mounts is there, what it names fits, and all doors are on loopback.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use signalpost::settings::environment;

use super::{documents, list, page, text};
use crate::settings::{options, program};

fn file() -> Value {
    documents("deploy/compose.yaml").remove(0)
}

fn service(name: &str) -> Value {
    file()["services"][name].clone()
}

fn in_deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(path)
}

/// Source and path of each mount.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let mounts = list(&service["volumes"]).iter().map(text);
    let split = mounts.map(|mount| {
        let mut parts = mount.split(':').map(str::to_owned);
        (
            parts.next().expect("a source"),
            parts.next().expect("a path"),
        )
    });
    split.collect()
}

/// Where in this repository a path in a container comes from.
fn source_of(service: &Value, path: &str) -> PathBuf {
    let mounts = mounts(service);
    let under = |mount: &&(String, String)| Path::new(path).starts_with(&mount.1);
    let (source, target) = mounts
        .iter()
        .filter(under)
        .max_by_key(|mount| mount.1.len())
        .unwrap_or_else(|| panic!("{path} is not mounted"));
    let rest = Path::new(path).strip_prefix(target).expect("below it");
    // A file joined with nothing would end in a slash.
    if rest.as_os_str().is_empty() {
        return in_deploy(source);
    }
    in_deploy(source).join(rest)
}

#[test]
fn its_services_know_each_other_are_watched_and_have_doors_on_loopback_alone() {
    let file = file();
    let services = file["services"].as_object().expect("services");
    let volumes = file["volumes"].as_object().expect("volumes");
    for (name, service) in services {
        let test = list(&service["healthcheck"]["test"]);
        assert_eq!(test[0], "CMD", "{name}: no shell is needed");
        for port in list(&service["ports"]) {
            assert!(text(port).starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let waits_for = match &service["depends_on"] {
            Value::Object(map) => map.keys().cloned().collect(),
            list => super::list(list)
                .iter()
                .map(|it| text(it).to_owned())
                .collect::<Vec<_>>(),
        };
        for other in waits_for {
            assert!(services.contains_key(&other), "{name} waits for {other}");
        }
        for (source, _) in mounts(service) {
            let is_made = source == "./compose/secrets";
            let is_there = volumes.contains_key(&source) || in_deploy(&source).exists();
            assert!(is_made || is_there, "{name}: {source}");
        }
    }
    // The folder that is not there is made by the page's commands, and never committed.
    let readme = page("deploy/README.md");
    for secret in ["stripe", "tokens"] {
        let made = format!("> deploy/compose/secrets/{secret}");
        assert!(readme.contains(&made), "no command makes {secret}");
    }
    assert_eq!(page("deploy/compose/.gitignore"), "secrets/\n");
}

#[test]
fn its_gateway_is_set_as_the_program_understands_and_ends_before_it_is_killed() {
    let gateway = service("gateway");
    let environment = gateway["environment"].as_object().expect("variables");
    let ours = environment
        .iter()
        .filter(|(name, _)| name.starts_with("SIGNALPOST_"))
        .map(|(name, value)| (OsString::from(name), OsString::from(text(value))));
    assert_eq!(environment::check(&program(), ours), Ok(()));

    let drain_delay = text(&environment["SIGNALPOST_DRAIN_DELAY"]);
    let flag = format!("--drain-delay={drain_delay}");
    let options = options(&[flag.as_str()]).expect("settings");
    let grace = signalpost::duration::parse(text(&gateway["stop_grace_period"])).expect("grace");
    assert!(grace >= options.drain_delay + options.drain + Duration::from_secs(5));

    let build = &gateway["build"];
    let context = in_deploy(text(&build["context"]));
    assert!(context.join(text(&build["dockerfile"])).is_file());
    let asks = json!(["CMD", "/usr/local/bin/signalpost", "healthcheck"]);
    assert_eq!(gateway["healthcheck"]["test"], asks);
    assert!(page("deploy/Dockerfile").contains("ENTRYPOINT [\"/usr/local/bin/signalpost\"]"));
    assert_eq!(gateway["read_only"], true);
    assert_eq!(gateway["cap_drop"], json!(["ALL"]));
    assert!(source_of(&gateway, "/etc/signalpost/routes.toml").is_file());
    let tokens = text(&environment["SIGNALPOST_OPS_TOKENS_FILE"]);
    assert!(source_of(&gateway, tokens).ends_with("compose/secrets/tokens"));
    // Names of other services, at the ports that they have.
    assert_eq!(environment["SIGNALPOST_STORE"], "redis://redis:6379");
    assert_eq!(environment["TEMPORAL_ADDRESS"], "temporal:7233");
}

#[test]
fn its_prometheus_finds_the_gateway_and_has_the_alerts() {
    let prometheus = service("prometheus");
    let flag = "--config.file=";
    let mut command = list(&prometheus["command"]).iter().map(text);
    let path = command
        .find_map(|argument| argument.strip_prefix(flag))
        .expect("a file");
    // As it is laid out in the container: the rules are named beside the file.
    let folder = tempfile::tempdir().expect("a folder");
    for (source, target) in mounts(&prometheus) {
        let target = Path::new(&target);
        if target.starts_with("/etc/prometheus") {
            let name = target.file_name().expect("a name");
            std::fs::copy(in_deploy(&source), folder.path().join(name)).expect("a copy");
        }
    }
    let name = Path::new(path).file_name().expect("a name");
    let output = Command::new("promtool")
        .args(["check", "config"])
        .arg(folder.path().join(name))
        .output()
        .expect("promtool: tests/run installs Debian's prometheus");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 rule files found"), "{said}");

    let config = documents("deploy/compose/prometheus.yaml").remove(0);
    let scrape = &config["scrape_configs"][0];
    assert_eq!(scrape["job_name"], "signalpost");
    let found = &scrape["dns_sd_configs"][0];
    assert_eq!(found["names"], json!(["gateway"]));
    let gateway = service("gateway");
    let listen = text(&gateway["environment"]["SIGNALPOST_OPS_LISTEN"]);
    assert!(listen.ends_with(&format!(":{}", found["port"])), "{listen}");
}

#[test]
fn its_grafana_has_the_dashboard_and_a_source_that_fits_it() {
    let grafana = service("grafana");
    let at = |path: &str| source_of(&grafana, path);
    assert!(
        at("/etc/grafana/provisioning/datasources").is_dir()
            && at("/etc/grafana/provisioning/dashboards").is_dir()
    );
    let sources = documents("deploy/compose/grafana/datasources/prometheus.yaml").remove(0);
    let source = &sources["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    assert_eq!(source["isDefault"], true);

    let providers = documents("deploy/compose/grafana/dashboards/signalpost.yaml").remove(0);
    let folder = text(&providers["providers"][0]["options"]["path"]);
    let home = text(&grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]);
    assert_eq!(Path::new(home).parent(), Some(Path::new(folder)));
    assert_eq!(at(home), in_deploy("./dashboard.json"));

    // Every panel asks the source that the variable chooses, and the variable chooses among sources of that kind.
    let dashboard: Value = serde_json::from_str(&page("deploy/dashboard.json")).expect("JSON");
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!(variable["name"], "datasource");
    assert_eq!(variable["query"], source["type"]);
    let text = dashboard.to_string();
    let uids = text.matches("\"uid\":").count();
    let by_variable = text.matches("\"uid\":\"${datasource}\"").count();
    assert_eq!(uids, by_variable + 1, "all but the dashboard's own");
}
