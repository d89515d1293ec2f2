//! `signalpost diff`: what another file changes, and what it would do to events that came already.
//!
//! Golden files beside two routing files and the events of a day; `BLESS=1` writes them anew.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::signalpost;
use crate::support::gateway::Gateway;
use crate::support::operator::{
    BY_ORDER, NO_TEMPORAL, audit, paid, post, route, setup, token_line,
};

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diff");
    folder.join(name).display().to_string()
}

/// Exit code, stdout, stderr.
fn diff(arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = signalpost(&["diff"])
        .args(arguments)
        .env_remove("SIGNALPOST_OPS_TOKEN")
        .env_remove("SIGNALPOST_OPS_URL")
        .envs(env.iter().copied())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn golden(name: &str, found: &str) {
    let path = fixture(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).expect("a golden file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{name}: expected:\n{expected}\nfound:\n{found}"
    );
}

#[test]
fn every_difference_and_every_effect_reads_as_the_golden_files_say() {
    let (old, new, events) = (
        fixture("old.toml"),
        fixture("new.toml"),
        fixture("events.jsonl"),
    );
    let (code, text, said) = diff(&[&old, &new, "--events", &events], &[]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    golden("diff.txt", &text);
    let (code, text, _) = diff(&[&old, &new, "--events", &events, "-o", "json"], &[]);
    assert_eq!(code, Some(0));
    let report: Value = serde_json::from_str(&text).expect("JSON alone on stdout");
    let pretty = serde_json::to_string_pretty(&report).expect("JSON");
    golden("diff.json", &format!("{pretty}\n"));
    let counts = |report: &Value| -> usize {
        let effects = report["events"]["effects"].as_object().expect("effects");
        let counts = effects
            .values()
            .map(|it| it["count"].as_u64().expect("a count"));
        usize::try_from(counts.sum::<u64>()).expect("a small number")
    };
    assert_eq!(json!(counts(&report)), report["events"]["affected"]);
    let effects = report["events"]["effects"]
        .as_object()
        .map(serde_json::Map::len);
    assert_eq!(effects, Some(9), "each effect has an event: {text}");
}

#[test]
fn a_file_changes_nothing_over_itself_and_none_is_affected() {
    for name in ["old.toml", "new.toml"] {
        let file = fixture(name);
        let events = fixture("events.jsonl");
        let (code, text, said) = diff(
            &[&file, &file, "--events", &events, "--expect", "none"],
            &[],
        );
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(
            text,
            "no rule changed\n\n16 events judged, 0 affected, 1 erased and not judged\n"
        );
    }
}

#[test]
fn none_fails_on_a_removed_rule_and_on_an_affected_event_and_not_on_a_new_carrier() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let old = std::fs::read_to_string(fixture("old.toml")).expect("old.toml");
    let carrier = format!(
        "{old}\n[sources.carrier]\nprovider = \"stripe\"\nsecrets = [\"env:C\"]\n\n[[routes]]\nname = \"parcel\"\nsource = \"carrier\"\nworkflow = \"order-${{body.o}}\"\nsignal = \"moved\"\n"
    );
    let cases = [
        (carrier, 0, ""),
        (
            old.replace("name     = \"status\"", "name     = \"state\""),
            1,
            "expected none: removed rules: 1, affected events: 0",
        ),
        (
            old.replace("signal   = \"refunded\"", "signal   = \"sent_back\""),
            1,
            "expected none: removed rules: 0, affected events: 1",
        ),
    ];
    for (text, code, sentence) in cases {
        let new = write("new.toml", &text);
        let new = new.to_str().expect("a path");
        let arguments = [
            &fixture("old.toml"),
            new,
            "--expect",
            "none",
            "--events",
            &fixture("events.jsonl"),
        ];
        let (found, out, said) = diff(&arguments, &[]);
        assert_eq!((found, said.trim()), (Some(code), sentence), "{out}");
    }
}

#[test]
fn another_type_expression_is_judged_by_what_it_makes_of_the_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = folder.path().join("new.toml");
    let old = std::fs::read_to_string(fixture("old.toml")).expect("old.toml");
    std::fs::write(&new, old.replace("body.kind", "body.sort")).expect("new.toml");
    let new = new.to_str().expect("a path");
    let events = fixture("events.jsonl");
    let (_, text, _) = diff(&[&fixture("old.toml"), new, "--events", &events], &[]);
    assert!(
        text.contains("\n3 would be lost: no route takes them any more\n"),
        "the shop's routes name types: {text}"
    );
}

#[test]
fn errors_of_either_file_are_printed_and_bad_input_is_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "[sources.a]\nprovider = \"stripee\"\n").expect("bad.toml");
    let bad = bad.to_str().expect("a path");
    let old = fixture("old.toml");
    for files in [[bad, &old], [&old, bad]] {
        let (code, out, said) = diff(&files, &[]);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(said.contains("SP-C010"), "{said}");
    }
    for count in ["last:0", "last:10001", "last:many"] {
        let (code, _, said) = diff(&[&old, &old, "--events", count], &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("from 1 to 10000"), "{said}");
    }
    let listed = folder.path().join("listed.jsonl");
    std::fs::write(
        &listed,
        "\n{\"id\":\"01985f2e-0000-7000-8000-000000000001\",\"source\":\"a\",\"key\":\"k\",\"type\":\"t\",\"received_at\":\"2026-08-01T12:00:00Z\"}\n",
    )
    .expect("a list without bodies");
    let listed = listed.to_str().expect("a path");
    let (code, _, said) = diff(&[&old, &old, "--events", listed], &[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("listed.jsonl:2:") && said.contains("events export"),
        "{said}"
    );
    assert_eq!(
        diff(&[&old, &old, "--events", "absent.jsonl"], &[]).0,
        Some(2)
    );
}

/// The routing file of a gateway, with another workflow for its route.
fn other_workflow(gateway: &Gateway) -> (String, String) {
    let old = gateway.folder().join("routes.toml");
    let text = std::fs::read_to_string(&old).expect("routes.toml");
    let new = gateway.folder().join("new.toml");
    std::fs::write(&new, text.replace("order-${", "o-${")).expect("new.toml");
    (old.display().to_string(), new.display().to_string())
}

#[tokio::test]
async fn the_last_events_of_a_running_gateway_are_judged_and_each_body_read_is_on_record() {
    let token = "an-operator's-token";
    let gateway = setup(&route("pay", BY_ORDER), NO_TEMPORAL)
        .file("tokens", &token_line("ann", "act", token))
        .flag("--ops-tokens-file", "FOLDER/tokens")
        .start()
        .await;
    for number in 0..12 {
        paid(&gateway, &number.to_string(), &format!("evt_{number}")).await;
    }
    let (old, new) = other_workflow(&gateway);
    let url = ("SIGNALPOST_OPS_URL", gateway.ops());
    let (code, _, said) = diff(&[&old, &new, "--events", "last:5"], &[url]);
    assert!(
        code == Some(1) && said.contains("SIGNALPOST_OPS_TOKEN"),
        "{said}"
    );
    let env = [url, ("SIGNALPOST_OPS_TOKEN", token)];
    let arguments = [&old, &new, "--events", "last:10", "--expect", "none"];
    let (code, text, said) = diff(&arguments, &env);
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "~ route pay\n",
        "10 events judged, 10 affected\n10 would go elsewhere\n",
        "now   pay: payment_received to order-11 in default\n",
        "then  pay: payment_received to o-11 in default\n",
        "    and 7 more\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(said.contains("affected events: 10"), "{said}");
    audit(&gateway, "body", 10).await;

    // The same as a file, for a machine that does not reach the gateway.
    let exported = signalpost(&["events", "export", "--source", "stripe"])
        .envs(env)
        .output()
        .expect("the binary runs");
    let lines = String::from_utf8(exported.stdout).expect("text");
    assert_eq!(lines.lines().count(), 12, "{lines}");
    let whole = |line: &str| line.contains(r#""claims":null"#) && line.contains(r#""query":[]"#);
    assert!(lines.lines().all(whole), "all that routing reads: {lines}");
    let file = gateway.folder().join("events.jsonl");
    std::fs::write(&file, lines).expect("a file");
    let (_, text, _) = diff(
        &[&old, &new, "--events", file.to_str().expect("a path")],
        &[],
    );
    assert!(text.contains("12 events judged, 12 affected\n"), "{text}");
}

#[tokio::test]
async fn what_is_judged_is_what_a_replay_does() {
    let gateway = setup(&route("pay", BY_ORDER), NO_TEMPORAL).start().await;
    let id = paid(&gateway, "7", "evt_1").await;
    let (old, new) = other_workflow(&gateway);
    let url = [("SIGNALPOST_OPS_URL", gateway.ops())];
    let (_, text, said) = diff(&[&old, &new, "--events", "last:10000", "-o", "json"], &url);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{said}"));
    let judged = &report["events"]["effects"]["elsewhere"]["examples"][0]["new"]["deliveries"][0];

    std::fs::rename(&new, &old).expect("another file");
    assert_eq!(post(&gateway, "/v1/config/reload", &json!({})).await.0, 200);
    let (status, replayed) = post(&gateway, &format!("/v1/events/{id}/replay"), &json!({})).await;
    assert_eq!(status, 200, "{replayed}");
    let deliveries = replayed["deliveries"].as_array().expect("deliveries");
    let pending = deliveries.iter().find(|it| it["state"] == "pending");
    let pending = pending.expect("the new one");
    for field in ["route", "namespace", "workflow", "signal"] {
        assert_eq!(judged[field], pending[field], "{field}");
    }
}
