//! Senders that sign a body: three schemes, whole and broken.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::Request;
use crate::support::dice::Dice;

pub(super) const ROUTES: &str = r#"
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

pub(super) const SECRETS: [(&str, &str); 4] = [
    ("STRIPE_OLD", "whsec_the_one_before_the_last"),
    ("STRIPE", "whsec_the_one_that_is_used_now"),
    ("HUB", "a-hub-secret-of-enough-bytes"),
    ("CARRIER", "a-carrier-secret-of-enough-bytes"),
];

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

pub(super) fn request(dice: &mut Dice, number: usize, now: i64) -> Request {
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
    Request::post(source, headers, body)
}
