//! `explain` and `serve` say the same: a thousand requests, whole and broken, to a gateway and to the command.
//!
//! The requests are made from a seed that a failure names. Both see the same bytes; what the gateway has kept and put
//! on record is held against what was explained.

mod senders;
mod signers;

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::signalpost;
use crate::support::dice::Dice;
use crate::support::exchange;
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::{NO_TEMPORAL, audit};

const REQUESTS: usize = 1000;
const SEED: u64 = 20_260_801;

struct Request {
    source: &'static str,
    method: &'static str,
    /// Path and query.
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn post(source: &'static str, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self {
            source,
            method: "POST",
            target: format!("/hooks/{source}"),
            headers,
            body,
        }
    }
}

fn pick(dice: &mut Dice, count: u64) -> usize {
    usize::try_from(dice.below(count)).expect("small")
}

/// What either of them says of one request.
#[derive(Debug, PartialEq)]
struct Word {
    /// As on record; of a handshake `answered`.
    verdict: String,
    handshake: bool,
    reason: Option<String>,
    code: Option<String>,
    deliveries: Vec<[String; 5]>,
}

fn deliveries(list: &Value, with_args: bool) -> Vec<[String; 5]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = list.as_array().expect("deliveries").iter();
    let mut words: Vec<_> = list
        .map(|it| {
            assert!(!with_args || it["args"].is_array(), "{it}");
            ["route", "workflow", "signal", "state", "reason"].map(|name| text(&it[name]))
        })
        .collect();
    // A lane that has not begun has no order between workflows.
    words.sort();
    words
}

/// All requests as cases of one file, so that one process explains them.
async fn explained(
    gateway: &Gateway,
    requests: &[Request],
    secrets: &'static [(&str, &str)],
) -> Vec<Word> {
    let folder = gateway.folder().to_owned();
    let mut cases = String::new();
    for (number, request) in requests.iter().enumerate() {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
        for (name, value) in &request.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&request.body);
        std::fs::write(folder.join(format!("{number}.http")), bytes).expect("a file");
        writeln!(
            cases,
            "[[cases]]\nname = \"{number}\"\nsource = \"{}\"\nrequest = \"{number}.http\"\nexpect = \"refused\"",
            request.source
        )
        .expect("text");
    }
    std::fs::write(folder.join("tests.toml"), cases).expect("a file");
    let run = move || {
        signalpost(&[
            "test",
            "tests.toml",
            "--routes",
            "routes.toml",
            "-o",
            "json",
        ])
        .current_dir(folder)
        .envs(secrets.iter().copied())
        .output()
        .expect("the binary runs")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let cases = report["cases"].as_array().expect("cases").iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    cases
        .map(|case| &case["found"])
        .map(|found| Word {
            verdict: verdict(found),
            handshake: asks(found),
            reason: text(&found["reason"]),
            code: text(&found["code"]),
            deliveries: deliveries(&found["deliveries"], true),
        })
        .collect()
}

fn asks(found: &Value) -> bool {
    let mut steps = found["steps"].as_array().expect("steps").iter();
    steps.any(|step| step["step"] == "handshake")
}

fn verdict(found: &Value) -> String {
    let word = found["verdict"].as_str();
    let word = word.unwrap_or_else(|| panic!("a verdict: {found}"));
    if word == "accepted" && asks(found) {
        return "answered".to_owned();
    }
    word.to_owned()
}

async fn served(gateway: &Gateway, requests: &[Request], handshakes: usize) -> Vec<Word> {
    // One client: its roots are read once.
    let client = reqwest::Client::new();
    let mut answers = Vec::new();
    for request in requests {
        let url = format!("{}{}", gateway.public(), request.target);
        let method = request.method.parse().expect("a method");
        let mut sent = client.request(method, url).body(request.body.clone());
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        answers.push(exchange::send(sent).await);
    }
    let mut lines = audit(gateway, "handshake", handshakes).await;
    lines.extend(audit(gateway, "webhook", requests.len() - handshakes).await);
    let lines: HashMap<_, _> = lines
        .iter()
        .map(|line| (line["request"].as_str().unwrap_or_default(), line))
        .collect();
    let mut words = Vec::new();
    for answer in answers {
        let line = lines[answer.header("x-request-id")];
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let own = std::slice::from_ref(&answer.body);
        let events = answer.body["events"].as_array().map_or(own, Vec::as_slice);
        let mut kept = Vec::new();
        for event in events.iter().filter_map(|event| event["event"].as_str()) {
            let url = format!("{}/v1/events/{event}", gateway.ops());
            let listed = exchange::send(client.get(url)).await.body;
            kept.extend(deliveries(&listed["deliveries"], false));
        }
        kept.sort();
        words.push(Word {
            verdict: text("outcome").expect("an outcome"),
            handshake: line["action"] == "handshake",
            reason: text("reason"),
            code: answer.body["code"].as_str().map(str::to_owned),
            deliveries: kept,
        });
    }
    words
}

/// What came of each, by its reason or else its verdict, with how often.
async fn agree(
    gateway: Gateway,
    requests: Vec<Request>,
    secrets: &'static [(&str, &str)],
) -> HashMap<String, usize> {
    let explained = explained(&gateway, &requests, secrets).await;
    let handshakes = explained.iter().filter(|word| word.handshake).count();
    let served = served(&gateway, &requests, handshakes).await;
    assert_eq!(explained.len(), requests.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (number, (one, other)) in explained.iter().zip(&served).enumerate() {
        let request = &requests[number];
        let shown = String::from_utf8_lossy(&request.body);
        assert_eq!(
            one, other,
            "seed {SEED}, request {number}: {} {} {:?} {shown}",
            request.method, request.target, request.headers
        );
        let kind = one.reason.clone().unwrap_or_else(|| one.verdict.clone());
        *seen.entry(kind).or_default() += 1;
    }
    seen
}

/// A generator that made only refusals would prove nothing.
fn all_seen(seen: &HashMap<String, usize>, kinds: &[&str], most: usize) {
    for kind in kinds {
        let count = seen.get(*kind).copied().unwrap_or_default();
        assert!(count > most, "{kind}: {seen:?}");
    }
}

#[tokio::test]
async fn a_thousand_requests_are_explained_as_they_are_served() {
    let mut setup = Setup::new(signers::ROUTES, NO_TEMPORAL);
    for (name, secret) in signers::SECRETS {
        setup = setup.env(name, secret);
    }
    let gateway = setup.start().await;
    let mut dice = Dice::new(SEED);
    let now = signalpost::clock::now().seconds();
    let requests = (0..REQUESTS).map(|number| signers::request(&mut dice, number, now));
    let seen = agree(gateway, requests.collect(), &signers::SECRETS).await;
    let kinds = [
        "accepted",
        "unrouted",
        "stale",
        "future",
        "bad_signature",
        "missing_header",
        "malformed",
        "duplicate_header",
        "unparsable",
        "encoding",
        "no_key",
    ];
    all_seen(&seen, &kinds, 3);
}

/// A batch of which some items have no route is taken where `unrouted` is refused; `explain` refused it.
#[tokio::test]
async fn batches_tokens_handshakes_and_signed_addresses_are_explained_as_they_are_served() {
    // Here bad tokens are many, and none is to be refused unread.
    let mut setup = Setup::new(senders::ROUTES, NO_TEMPORAL).env("SIGNALPOST_AUTH_FAILURES", "off");
    for (name, secret) in senders::SECRETS {
        setup = setup.env(name, secret);
    }
    let gateway = setup.start().await;
    let mut dice = Dice::new(SEED);
    let now = signalpost::clock::now().seconds();
    let requests = (0..REQUESTS).map(|number| senders::request(&mut dice, number, now));
    let seen = agree(gateway, requests.collect(), &senders::SECRETS).await;
    let kinds = [
        "accepted",
        "answered",
        "unrouted",
        "bad_signature",
        "bad_token",
        "missing_header",
        "role",
        "no_items",
        "no_key",
        "stale",
        "method",
        "handshake_malformed",
        "handshake_token",
    ];
    all_seen(&seen, &kinds, 0);
}

/// `explain` saw a bare `?` behind every address, and took a signature over one that nobody had called.
#[tokio::test]
async fn a_question_mark_that_was_signed_and_not_sent_is_refused_by_both() {
    let mut setup = Setup::new(senders::ROUTES, NO_TEMPORAL);
    for (name, secret) in senders::SECRETS {
        setup = setup.env(name, secret);
    }
    let gateway = setup.start().await;
    let now = signalpost::clock::now().seconds();
    let marks = [("", ""), ("", "?"), ("?", ""), ("?", "?")];
    let requests = marks
        .iter()
        .enumerate()
        .map(|(number, (sent, signed))| senders::marked(number, now, sent, signed));
    let seen = agree(gateway, requests.collect(), &senders::SECRETS).await;
    let count = |kind: &str| seen.get(kind).copied().unwrap_or_default();
    assert_eq!(
        (count("accepted"), count("bad_signature")),
        (3, 1),
        "{seen:?}"
    );
}
