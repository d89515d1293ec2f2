//! The command line as a person meets it: help, exit codes, `check`, `send`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::gateway::Setup;

pub(crate) fn signalpost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalpost"));
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    signalpost(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn written(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    path
}

#[test]
fn help_is_complete_for_every_command() {
    let all = text(&run(&["--help"]).stdout);
    for command in [
        "serve",
        "check",
        "diff",
        "explain",
        "test",
        "routes",
        "send",
        "store",
        "providers",
        "events",
        "healthcheck",
        "keys",
        "dev",
    ] {
        assert!(all.contains(command), "{command} is in --help");
        let help = run(&[command, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert!(text(&help.stdout).contains("Usage:"), "{command} --help");
    }
    let serve = text(&run(&["serve", "--help"]).stdout);
    for setting in [
        "LISTEN",
        "OPS_LISTEN",
        "ROUTES",
        "STORE",
        "MAX_BODY",
        "DRAIN_DELAY",
        "OPS_TOKEN",
        "LOG_FORMAT",
    ] {
        assert!(
            serve.contains(&format!("SIGNALPOST_{setting}")),
            "SIGNALPOST_{setting} is in serve --help"
        );
    }
    assert!(
        serve.contains("TEMPORAL_ADDRESS"),
        "Temporal's own variables are named"
    );
}

/// What a help lists as commands, each with what is said of it.
fn commands(help: &str) -> Vec<(String, String)> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or_default();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let split = |line: &str| {
        let (name, said) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        (name.to_owned(), said.trim().to_owned())
    };
    lines.map(split).collect()
}

#[test]
fn every_command_and_what_is_under_it_says_what_it_does() {
    let all = commands(&text(&run(&["--help"]).stdout));
    assert!(all.len() > 10, "{all:?}");
    let mut nested = 0;
    for (command, said) in &all {
        assert!(!said.is_empty(), "{command}");
        if command == "help" {
            continue;
        }
        for (under, said) in commands(&text(&run(&[command, "--help"]).stdout)) {
            assert!(!said.is_empty(), "{command} {under}");
            nested += 1;
        }
    }
    assert!(nested > 8, "{nested}");
}

#[test]
fn a_usage_error_exits_with_2() {
    assert_eq!(run(&["nonsense"]).status.code(), Some(2));
    assert_eq!(run(&["serve", "--no-such-flag"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn the_root_routes_file_passes_check() {
    let output = run(&["check", "routes.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn three_mistakes_are_all_reported_at_their_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let routes = "[sources.shop]\nprovider = \"stripee\"\nsecrets = [\"env:SHOP\"]\n\n[[routes]]\nname = \"a\"\nsource = \"shp\"\nworkflow = \"order-${body.id\"\nsignal = \"paid\"\n";
    let path = written(folder.path(), "routes.toml", routes);
    let output = run(&["check", path.to_str().expect("a path"), "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
    let mut lines: Vec<u64> = report["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .filter(|problem| problem["severity"] == "error")
        .map(|problem| problem["line"].as_u64().expect("a line"))
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 7, 8], "{report:#}");
}

#[test]
fn serve_refuses_a_bad_file_and_prints_all_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(
        folder.path(),
        "routes.toml",
        "[sources.shop]\nprovidr = \"stripe\"\n[[routes]]\nnme = \"x\"\n",
    );
    let store = folder.path().join("store.db");
    let output = run(&[
        "serve",
        "--routes",
        path.to_str().expect("a path"),
        "--store",
        store.to_str().expect("a path"),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("providr") && said.contains("nme"), "{said}");
    assert!(
        !store.exists(),
        "nothing is touched before the file is good"
    );
}

#[test]
fn an_unknown_or_malformed_variable_stops_the_start_with_2() {
    for (name, value) in [
        ("SIGNALPOST_LISTN", "x"),
        ("SIGNALPOST_LISTEN", "nowhere"),
        ("SIGNALPOST_MAX_BODY", ""),
    ] {
        let output = signalpost(&["serve"])
            .env(name, value)
            .output()
            .expect("the binary runs");
        assert_eq!(
            output.status.code(),
            Some(2),
            "{name}={value}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains(name),
            "{}",
            text(&output.stderr)
        );
    }
}

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "every"
source   = "stripe"
workflow = "w-${body.id}"
signal   = "s"
"#;

#[tokio::test]
async fn a_taken_port_and_a_store_in_use_are_one_sentence_each() {
    let gateway = Setup::new(ROUTES, "127.0.0.1:1")
        .env("SECRET", "a secret of sixteen")
        .start()
        .await;
    let address = gateway.public().trim_start_matches("http://").to_owned();
    let routes = gateway.folder().join("routes.toml");
    let fresh = gateway.folder().join("other.db");
    let used = gateway.store();
    for (listen, store, says) in [
        (address.as_str(), &fresh, "--listen"),
        ("127.0.0.1:0", &used, "--store"),
    ] {
        let output = signalpost(&[
            "serve",
            "--ops-listen",
            "127.0.0.1:0",
            "--listen",
            listen,
            "--log-format",
            "text",
        ])
        .args([Path::new("--routes"), &routes, Path::new("--store"), store])
        .env("SECRET", "a secret of sixteen")
        .env("TEMPORAL_ADDRESS", "127.0.0.1:1")
        .output()
        .expect("the binary runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn serve_refuses_an_address_that_temporal_cannot_have() {
    let output = signalpost(&["serve", "--listen", "127.0.0.1:0"])
        .env("TEMPORAL_ADDRESS", "ftp://temporal.example")
        .output()
        .expect("the binary runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("TEMPORAL_ADDRESS") && said.contains("ftp://"),
        "{said}"
    );
    assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {said}");
}

#[tokio::test]
async fn send_signs_like_the_provider_and_prints_the_answer() {
    let gateway = Setup::new(ROUTES, "127.0.0.1:1")
        .env("SECRET", "a secret of sixteen")
        .start()
        .await;
    let body = written(
        gateway.folder(),
        "event.json",
        r#"{"id":"evt_1","type":"charge.succeeded"}"#,
    );
    let routes = gateway.folder().join("routes.toml");
    let send = |secret: &str| {
        signalpost(&[
            "send",
            "stripe",
            "--to",
            &format!("{}/hooks/stripe", gateway.public()),
        ])
        .args([body.as_path(), Path::new("--routes"), &routes])
        .env("SECRET", secret)
        .output()
        .expect("the binary runs")
    };
    let good = send("a secret of sixteen");
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert!(
        text(&good.stdout).contains("\"accepted\""),
        "{}",
        text(&good.stdout)
    );
    assert!(text(&send("a secret of sixteen").stdout).contains("\"duplicate\""));
    let bad = send("another secret of 16");
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        text(&bad.stdout).contains("SP-R101"),
        "{}",
        text(&bad.stdout)
    );
}
