//! `explain` and `serve` say the same: a thousand requests, whole and broken, to a gateway and to the command.
//!
//! The requests are made from a seed that a failure names. Both see the same bytes; what the gateway has kept and put
//! on record is held against what was explained.

use std::collections::HashMap;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::cli::signalpost;
use crate::support::dice::Dice;
use crate::support::exchange;
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::{NO_TEMPORAL, audit};

const REQUESTS: usize = 1000;
const SEED: u64 = 20_260_801;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:STRIPE_OLD", "env:STRIPE"]

[sources.hub]
provider = "github"
secrets  = ["env:HUB"]

[sources.carrier]
provider  = "hmac"
secrets   = ["env:CARRIER"]
signature = { header = "X-Carrier-Signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", signed = "{timestamp}.{body}" }
timestamp = { header = "X-Carrier-Timestamp", unit = "s", tolerance = "5m" }
event     = { key = "body.id", type = "body.type" }
unrouted  = "refuse"

[[routes]]
name     = "every"
source   = ["stripe", "hub", "carrier"]
when     = "body.amount > 50"
workflow = "audit-${event.source}"
signal   = "large"
args     = ["${body.amount}", "${event.type}"]

[[routes]]
name     = "noise"
source   = ["stripe", "hub"]
on       = ["ping", "noise.*"]
drop     = true
stop     = true

[[routes]]
name     = "many"
source   = ["stripe", "carrier"]
on       = "paid*"
workflow = "${body.orders}"
signal   = "paid"
args     = [{ id = "${body.id}", amount = "${body.amount}" }]

[[routes]]
name     = "first"
source   = ["stripe", "hub", "carrier"]
on       = ["paid", "moved", "push.paid"]
when     = "body.live"
workflow = "order-${body.order}"
signal   = "seen_${body.signal}"
missing  = { start = { type = "Order", task_queue = "orders", args = ["${body.order}"] } }
stop     = true

[[routes]]
name     = "last"
source   = ["stripe", "hub", "carrier"]
on       = ["paid", "moved", "push.*"]
workflow = "order-${body.order}"
signal   = "rest"
"#;

const SECRETS: [(&str, &str); 4] = [
    ("STRIPE_OLD", "whsec_the_one_before_the_last"),
    ("STRIPE", "whsec_the_one_that_is_used_now"),
    ("HUB", "a-hub-secret-of-enough-bytes"),
    ("CARRIER", "a-carrier-secret-of-enough-bytes"),
];

struct Request {
    source: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn mac(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// What each field may be: of every wrong kind too.
fn choices(number: usize) -> Value {
    let id = format!("evt_{number}");
    json!({
        "id": [id, id, id, id, id, id],
        "type": ["paid", "paid", "paid.late", "moved", "ping", "noise.x", "other"],
        "action": ["paid", "ping"],
        "amount": [100, 1, "1", null, 51.5],
        "live": [true, true, false, "yes"],
        "order": ["7", 8, "", "x".repeat(1001), ["9"]],
        "signal": ["a", 1, null],
        "orders": [["a", "b", "a"], [], "c", ["d", ""], (0..101).collect::<Vec<_>>()],
    })
}

/// Fields come and go.
fn body(dice: &mut Dice, number: usize) -> String {
    let mut body = serde_json::Map::new();
    for (name, values) in choices(number).as_object().expect("an object") {
        let values = values.as_array().expect("a list");
        let at = usize::try_from(dice.below(values.len() as u64 + 1)).expect("small");
        if let Some(value) = values.get(at) {
            body.insert(name.clone(), value.clone());
        }
    }
    // Never the same bytes twice: GitHub's key is a digest of them.
    body.insert("nonce".to_owned(), json!(number));
    Value::Object(body).to_string()
}

fn request(dice: &mut Dice, number: usize, now: i64) -> Request {
    let mut body = body(dice, number).into_bytes();
    let source = ["stripe", "hub", "carrier"][usize::try_from(dice.below(3)).expect("small")];
    let time = match dice.below(12) {
        0 => now - 3600,
        1 => now + 3600,
        _ => now,
    };
    let time = time.to_string();
    if dice.below(20) == 0 {
        body.truncate(body.len() - 1);
    }
    let mut headers = match source {
        "stripe" => {
            let secret = SECRETS[usize::try_from(dice.below(2)).expect("small")].1;
            let signature = mac(secret, &[time.as_bytes(), b".", &body]);
            vec![(
                "Stripe-Signature".to_owned(),
                format!("t={time},v1={signature}"),
            )]
        }
        "hub" => vec![
            (
                "X-Hub-Signature-256".to_owned(),
                format!("sha256={}", mac(SECRETS[2].1, &[&body])),
            ),
            ("X-GitHub-Event".to_owned(), "push".to_owned()),
        ],
        _ => vec![
            (
                "X-Carrier-Signature".to_owned(),
                format!(
                    "sha256={}",
                    mac(SECRETS[3].1, &[time.as_bytes(), b".", &body])
                ),
            ),
            ("X-Carrier-Timestamp".to_owned(), time),
        ],
    };
    match dice.below(12) {
        0 => body.push(b'\n'),
        1 => drop(headers.remove(0)),
        2 => {
            let again = headers[0].clone();
            headers.push(again);
        }
        3 => headers[0].1.push('0'),
        4 => headers[0].1 = headers[0].1.to_ascii_uppercase(),
        5 => headers.push(("Content-Encoding".to_owned(), "gzip".to_owned())),
        _ => {}
    }
    if dice.below(3) > 0 {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    Request {
        source,
        headers,
        body,
    }
}

/// What either of them says of one request.
#[derive(Debug, PartialEq)]
struct Word {
    verdict: String,
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
async fn explained(gateway: &Gateway, requests: &[Request]) -> Vec<Word> {
    let folder = gateway.folder().to_owned();
    let mut cases = String::new();
    for (number, request) in requests.iter().enumerate() {
        let mut bytes = format!("POST /hooks/{} HTTP/1.1\r\n", request.source).into_bytes();
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
        .envs(SECRETS)
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
            verdict: text(&found["verdict"]).unwrap_or_else(|| panic!("a verdict: {found}")),
            reason: text(&found["reason"]),
            code: text(&found["code"]),
            deliveries: deliveries(&found["deliveries"], true),
        })
        .collect()
}

async fn served(gateway: &Gateway, requests: &[Request]) -> Vec<Word> {
    // One client: its roots are read once.
    let client = reqwest::Client::new();
    let mut answers = Vec::new();
    for request in requests {
        let url = format!("{}/hooks/{}", gateway.public(), request.source);
        let mut post = client.post(url).body(request.body.clone());
        for (name, value) in &request.headers {
            post = post.header(name, value);
        }
        answers.push(exchange::send(post).await);
    }
    let lines = audit(gateway, "webhook", requests.len()).await;
    let reasons: HashMap<_, _> = lines
        .iter()
        .map(|line| {
            (
                line["request"].as_str().unwrap_or_default(),
                line["reason"].as_str(),
            )
        })
        .collect();
    let mut words = Vec::new();
    for answer in answers {
        let id = answer.header("x-request-id");
        let reason = reasons[id].map(str::to_owned);
        let verdict = answer.body["status"].as_str();
        let listed = match verdict {
            Some(_) => {
                let url = format!("{}/v1/events/{}", gateway.ops(), answer.event());
                exchange::send(client.get(url)).await.body
            }
            None => json!({ "deliveries": [] }),
        };
        words.push(Word {
            verdict: verdict.unwrap_or("refused").to_owned(),
            reason,
            code: answer.body["code"].as_str().map(str::to_owned),
            deliveries: deliveries(&listed["deliveries"], false),
        });
    }
    words
}

#[tokio::test]
async fn a_thousand_requests_are_explained_as_they_are_served() {
    let mut setup = Setup::new(ROUTES, NO_TEMPORAL);
    for (name, secret) in SECRETS {
        setup = setup.env(name, secret);
    }
    let gateway = setup.start().await;
    let mut dice = Dice::new(SEED);
    let now = signalpost::clock::now().seconds();
    let requests: Vec<_> = (0..REQUESTS)
        .map(|number| request(&mut dice, number, now))
        .collect();
    let explained = explained(&gateway, &requests).await;
    let served = served(&gateway, &requests).await;
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (number, (one, other)) in explained.iter().zip(&served).enumerate() {
        let request = &requests[number];
        let shown = String::from_utf8_lossy(&request.body);
        assert_eq!(
            one, other,
            "seed {SEED}, request {number}: {:?} {shown}",
            request.headers
        );
        let kind = one.reason.clone().unwrap_or_else(|| one.verdict.clone());
        *seen.entry(kind).or_default() += 1;
    }
    assert_eq!(explained.len(), REQUESTS);
    // A generator that made only refusals would prove nothing.
    for kind in [
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
    ] {
        assert!(
            seen.get(kind).is_some_and(|count| *count > 3),
            "{kind}: {seen:?}"
        );
    }
}
