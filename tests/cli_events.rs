//! `signalpost events` as an operator uses it, against a running gateway.

mod at_a_terminal;

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;
use signalpost::clock;
use signalpost::event::EventId;

use crate::cli::signalpost;
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::operator::{
    BY_ORDER, NO_TEMPORAL, audit, event, paid, reroute, route, setup, token_line, until_state,
};
use crate::support::workflows::{Workflows, unique};

/// Parks at once: there is no such field.
const WRONG: &str = "order-${body.data.object.metadata.ordr}";

fn events(gateway: &Gateway, arguments: &[&str]) -> Command {
    let mut command = signalpost(&["events"]);
    command
        .args(arguments)
        .env("SIGNALPOST_OPS_URL", gateway.ops())
        .stdin(Stdio::null());
    command
}

fn run(gateway: &Gateway, arguments: &[&str]) -> (i32, String, String) {
    told(
        &events(gateway, arguments)
            .output()
            .expect("the binary runs"),
    )
}

/// Exit code, stdout, stderr.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_list_is_a_table_for_people_and_the_apis_json_for_programs() {
    let gateway = setup(&route("pay", WRONG), NO_TEMPORAL).start().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(paid(&gateway, "1", &format!("evt_{number}")).await);
    }
    let (code, table, _) = run(&gateway, &["list"]);
    assert_eq!(code, 0);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("RECEIVED"), "{table}");
    assert_eq!(lines.len(), 4, "{table}");
    assert!(
        lines[1].contains(&ids[2]) && lines[1].contains("SP-D101"),
        "{table}"
    );

    let (_, json, said) = run(&gateway, &["list", "--limit", "2", "-o", "json"]);
    let page: Value = serde_json::from_str(&json).expect("JSON alone on stdout");
    assert_eq!(page["events"].as_array().map(Vec::len), Some(2), "{said}");
    let cursor = page["next"].as_str().expect("there is more");
    let (_, rest, _) = run(&gateway, &["list", "--cursor", cursor, "-o", "json"]);
    assert!(rest.contains(&ids[0]) && !rest.contains(&ids[1]), "{rest}");
    let (_, all, _) = run(&gateway, &["list", "--all", "--state", "parked"]);
    assert_eq!(all.lines().count(), 4);
    let (code, _, said) = run(&gateway, &["list", "--state", "delivered"]);
    assert_eq!((code, said.trim()), (0, "No event fits."));
    assert_eq!(run(&gateway, &["list", "--state", "done"]).0, 2);
    let (code, _, said) = run(&gateway, &["list", "--since", "monday"]);
    assert!(code == 1 && said.contains("`since`"), "{said}");
}

#[tokio::test]
async fn show_says_what_became_of_an_event_why_and_what_to_do() {
    let gateway = setup(&route("pay", WRONG), NO_TEMPORAL).start().await;
    let id = paid(&gateway, "1", "evt_1").await;
    let (code, shown, _) = run(&gateway, &["show", &id]);
    assert_eq!(code, 0);
    let delivery = event(&gateway, &id).await["deliveries"][0]["id"].clone();
    let delivery = delivery.as_str().expect("an id");
    for part in [
        "SP-D101: A template of the route found nothing",
        "correct the route",
        "ordr",
        &format!("signalpost events replay {id}"),
        &format!("signalpost events retry {delivery}"),
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(!shown.contains("pi_evt_1"), "no body unless asked for");
    let (_, shown, _) = run(&gateway, &["show", &id, "--body"]);
    assert!(shown.contains("pi_evt_1") && shown.contains("content-type: application/json"));
    let (_, json, _) = run(&gateway, &["show", &id, "-o", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json, event(&gateway, &id).await);
    let nobody = EventId::at(clock::now()).to_string();
    let (code, _, said) = run(&gateway, &["show", &nobody]);
    assert_eq!(
        (code, said.trim()),
        (1, &*format!("no event has the id {nobody}"))
    );
}

#[tokio::test]
async fn what_is_parked_is_retried_in_bulk_after_a_look_and_a_yes() {
    let workflows = Workflows::connect().await;
    let gateway = setup(&route("pay", BY_ORDER), workflows.address())
        .start()
        .await;
    let order = unique("c");
    for number in 0..10 {
        let id = paid(&gateway, &order, &format!("evt_{number}")).await;
        until_state(&gateway, &id, "parked").await;
    }
    workflows.start(&format!("order-{order}")).await;

    let retry = ["retry", "--state", "parked", "--route", "pay"];
    let (code, _, said) = run(&gateway, &retry);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("10 deliveries fit") && said.contains("--yes"),
        "{said}"
    );
    let (code, told, _) = run(&gateway, &[&retry[..], &["--dry-run"]].concat());
    assert_eq!((code, told.trim()), (0, "10 deliveries would be retried"));
    let (code, told, said) = run(
        &gateway,
        &[&retry[..], &["--yes", "--note", "it runs"]].concat(),
    );
    assert_eq!((code, told.trim()), (0, "retried 10 deliveries"), "{said}");
    let signals = workflows.signals(&format!("order-{order}"), 10).await;
    let payments: Vec<_> = signals
        .iter()
        .map(|signal| crate::support::ledger::payment(&signal.args[0]))
        .collect();
    let expected: Vec<_> = (0..10).map(|number| format!("pi_evt_{number}")).collect();
    assert_eq!(payments, expected);
    audit(&gateway, "retry", 10).await;
    gateway.settled().await;
    let (code, told, _) = run(&gateway, &retry);
    assert_eq!((code, told.trim()), (0, "0 deliveries would be retried"));
}

#[tokio::test]
async fn an_unrouted_event_is_replayed_by_its_id() {
    let workflows = Workflows::connect().await;
    let gateway = setup("", workflows.address()).start().await;
    let order = unique("u");
    workflows.start(&format!("order-{order}")).await;
    let id = paid(&gateway, &order, "evt_1").await;
    assert!(run(&gateway, &["show", &id]).1.contains("No route took it"));
    assert_eq!(reroute(&gateway, &route("pay", BY_ORDER)).await.0, 200);
    let (code, told, said) = run(&gateway, &["replay", &id]);
    assert_eq!(code, 0, "{said}");
    assert!(told.contains(&format!("to order-{order}")), "{told}");
    until_state(&gateway, &id, "delivered").await;
    let (_, shown, _) = run(&gateway, &["show", &id, "--proof"]);
    assert!(
        shown.contains("proof") && shown.contains(" of run "),
        "{shown}"
    );
    let delivery = event(&gateway, &id).await["deliveries"][0]["id"].clone();
    let (code, _, said) = run(&gateway, &["retry", delivery.as_str().expect("an id")]);
    assert_eq!(code, 1);
    assert!(said.contains("It is delivered already"), "{said}");
}

#[tokio::test]
async fn unrouted_events_are_replayed_in_bulk() {
    let workflows = Workflows::connect().await;
    let gateway = setup("", workflows.address()).start().await;
    let order = unique("v");
    workflows.start(&format!("order-{order}")).await;
    for number in 0..3 {
        paid(&gateway, &order, &format!("evt_{number}")).await;
    }
    assert_eq!(reroute(&gateway, &route("pay", BY_ORDER)).await.0, 200);
    let replay = ["replay", "--state", "unrouted", "--source", "stripe"];
    let (code, told, said) = run(&gateway, &[&replay[..], &["--yes", "-o", "json"]].concat());
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told, serde_json::json!({ "done": 3, "skipped": 0 }));
    workflows.signals(&format!("order-{order}"), 3).await;
    assert!(run(&gateway, &replay).1.starts_with("0 events"));
}

#[tokio::test]
async fn one_is_dropped_and_one_erased_by_their_ids() {
    let gateway = setup(&route("pay", WRONG), NO_TEMPORAL).start().await;
    let id = paid(&gateway, "1", "evt_1").await;
    let delivery = event(&gateway, &id).await["deliveries"][0]["id"].clone();
    let delivery = delivery.as_str().expect("an id");
    let (code, told, said) = run(&gateway, &["drop", delivery, "--note", "a test order"]);
    assert_eq!(code, 0, "{said}");
    assert!(told.starts_with(&format!("dropped {delivery}")), "{told}");
    let (_, shown, _) = run(&gateway, &["show", &id]);
    assert!(shown.contains("by local: a test order"), "{shown}");
    let (code, told, said) = run(&gateway, &["erase", &id]);
    assert_eq!(code, 0, "{said}");
    assert!(told.contains(&id), "{told}");
    let (_, json, _) = run(&gateway, &["show", &id, "--body", "-o", "json"]);
    assert!(!json.contains("pi_evt_1"), "{json}");
}

#[tokio::test]
async fn an_action_on_nothing_or_on_two_things_is_a_usage_error() {
    let gateway = setup("", NO_TEMPORAL).start().await;
    for arguments in [
        &["retry"][..],
        &["replay", "--yes"],
        &["drop", "id", "--route", "x"],
    ] {
        assert_eq!(run(&gateway, arguments).0, 2, "{arguments:?}");
    }
}

#[tokio::test]
async fn tail_shows_an_event_when_it_comes_and_when_its_state_changes() {
    let gateway = setup(&route("pay", BY_ORDER), NO_TEMPORAL).start().await;
    let before = paid(&gateway, "0", "evt_0").await;
    let mut tail = events(&gateway, &["tail", "-n", "0", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let (sender, lines) = channel();
    let stdout = tail.stdout.take().expect("stdout is piped");
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).expect("a line of JSON");
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    let mut told = Vec::new();
    let mut number = 0;
    eventually("tail has begun", || {
        number += 1;
        let name = format!("evt_{number}");
        let gateway = &gateway;
        told.extend(lines.try_recv());
        let begun = !told.is_empty();
        async move {
            paid(gateway, "1", &name).await;
            begun
        }
    })
    .await;
    let mut until = |id: &str, state: &str| loop {
        let line = lines.recv_timeout(Duration::from_mins(1)).expect("a line");
        let found = line["id"] == id && line["state"] == state;
        told.push(line);
        if found {
            return;
        }
    };
    reroute(&gateway, &route("pay", WRONG)).await;
    let parked = paid(&gateway, "2", "evt_parked").await;
    until(&parked, "parked");
    reroute(&gateway, &route("pay", BY_ORDER)).await;
    assert_eq!(run(&gateway, &["replay", &parked]).0, 0);
    until(&parked, "pending");
    assert!(
        told.iter().all(|line| line["id"] != before.as_str()),
        "{before} was before"
    );
    tail.kill().expect("killed");
    tail.wait().expect("ended");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_or_wants_a_token_is_said_with_what_to_check() {
    let output = signalpost(&["events", "list", "--ops-url", "http://127.0.0.1:1"])
        .output()
        .expect("the binary runs");
    let (code, _, said) = told(&output);
    assert_eq!(code, 1);
    assert!(
        said.contains("cannot be reached") && said.contains("--ops-listen"),
        "{said}"
    );

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    std::fs::write(&file, token_line("ann", "read", "ann's")).expect("tokens");
    let gateway = setup("", NO_TEMPORAL)
        .env("SIGNALPOST_OPS_TOKENS_FILE", file.to_str().expect("a path"))
        .env("SIGNALPOST_OPS_TOKEN", "right")
        .start()
        .await;
    let with = |token: &str, arguments: &[&str]| {
        let output = events(&gateway, arguments)
            .env("SIGNALPOST_OPS_TOKEN", token)
            .output();
        told(&output.expect("the binary runs"))
    };
    let (code, _, said) = run(&gateway, &["list"]);
    assert!(
        code == 1 && said.contains("set SIGNALPOST_OPS_TOKEN"),
        "{said}"
    );
    let (code, _, said) = with("wrong-one", &["list"]);
    assert!(
        code == 1 && said.contains("does not know the token"),
        "{said}"
    );
    assert!(!said.contains("wrong-one"), "{said}");
    assert_eq!(with("right", &["list"]).0, 0);
    let (code, _, said) = with("ann's", &["erase", &EventId::at(clock::now()).to_string()]);
    assert!(code == 1 && said.contains("SP-S107"), "{said}");
}
