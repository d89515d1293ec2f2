//! The unit for systemd: systemd itself takes it, it is closed, and it fits the program's settings and times.
//!
//! `systemd-analyze` is Debian's package systemd; tests/run installs it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use signalpost::settings::environment;

use super::page;
use crate::settings::{options, program};

const UNIT: &str = "deploy/systemd/signalpost.service";
const SETTINGS: &str = "deploy/systemd/signalpost.env";

/// Of the unit's keys those with one value.
fn key(name: &str) -> String {
    let page = page(UNIT);
    let mut lines = page.lines().filter_map(|line| line.split_once('='));
    let found = lines.find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.to_owned()
}

fn seconds(text: &str) -> u64 {
    let number = text.strip_suffix('s').expect("seconds");
    number.parse().expect("a number")
}

/// `commented`: with those that are only suggested.
fn variables(commented: bool) -> BTreeMap<String, String> {
    let page = page(SETTINGS);
    let lines = page.lines().map(|line| {
        let bare = line.strip_prefix('#').filter(|_| commented);
        bare.unwrap_or(line)
    });
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_variable_is_a_setting_and_well_formed() {
    for commented in [false, true] {
        let ours = variables(commented).into_iter();
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        assert_eq!(environment::check(&program(), ours), Ok(()));
    }
    assert!(variables(true).contains_key("SIGNALPOST_TLS_CERT"));
}

#[test]
fn it_has_time_to_drain_and_files_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("ops-tokens");
    let line = format!("ann act sha256:{}\n", "0".repeat(64));
    std::fs::write(&tokens, line).expect("tokens");
    let flags: Vec<String> = variables(false)
        .into_iter()
        .filter_map(|(name, value)| {
            let flag = name.strip_prefix("SIGNALPOST_")?.to_lowercase();
            let value = value.replace(CREDENTIALS, &folder.path().display().to_string());
            Some(format!("--{}={value}", flag.replace('_', "-")))
        })
        .collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let settings = options(&flags).expect("settings");
    let drain = settings.drain_delay + settings.drain;
    assert!(seconds(&key("TimeoutStopSec")) > drain.as_secs() + 1);
    let files: usize = key("LimitNOFILE").parse().expect("a number");
    assert!(files > settings.listener.max_connections + settings.ops_listener.max_connections);
}

const CREDENTIALS: &str = "/run/credentials/signalpost.service";

#[test]
fn every_path_is_one_that_the_unit_gives() {
    let unit = page(UNIT);
    for (name, value) in variables(false) {
        let path = value.trim_start_matches("file:");
        let credential = path.strip_prefix(CREDENTIALS);
        if let Some(credential) = credential.and_then(|rest| rest.strip_prefix('/')) {
            let given = format!("\nLoadCredential={credential}:/");
            assert!(unit.contains(&given), "{name}: {given}");
        } else if path.starts_with('/') {
            let known = ["/etc/signalpost/", "/var/lib/signalpost/"];
            assert!(
                known.iter().any(|it| path.starts_with(it)),
                "{name}={value}"
            );
        }
    }
    assert_eq!(key("StateDirectory"), "signalpost");
    assert_eq!(key("EnvironmentFile"), "/etc/signalpost/signalpost.env");
}

fn analyze(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = page(UNIT).replace(
        "/usr/local/bin/signalpost",
        env!("CARGO_BIN_EXE_signalpost"),
    );
    std::fs::write(folder.path().join("signalpost.service"), unit).expect("the unit");
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg("./signalpost.service")
        .current_dir(folder.path())
        .output()
        .expect("systemd-analyze: tests/run installs Debian's systemd");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn systemd_knows_every_line_of_it() {
    assert_eq!(analyze(&["verify", "--man=no"]), "");
}

#[test]
fn what_is_left_open_is_what_a_network_server_needs() {
    // In tenths of systemd's own measure, of ten that is wide open.
    let said = analyze(&["security", "--offline=true", "--threshold=15", "--no-pager"]);
    assert!(said.contains("Overall exposure level"), "{said}");
}
