//! Senders of every other kind: batches, tokens, a signed address, and those that ask before they send.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Request, pick};
use crate::support::dice::Dice;
use crate::support::exchange::mac;

pub(super) const ROUTES: &str = r#"
[sources.bulk]
provider  = "hmac"
secrets   = ["env:BULK"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
each      = "body.events"
event     = { key = "body.id", type = "body.type" }
unrouted  = "refuse"

[sources.kept]
provider  = "hmac"
secrets   = ["env:BULK"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
each      = "body.events"
event     = { key = "body.id", type = "body.type" }

[issuers.shop]
issuer   = "https://shop.example/"
audience = "signalpost"
secrets  = ["env:SHOP"]
roles    = "claims.roles"

[sources.desk]
provider = "jwt"
issuer   = "shop"
event    = { key = "body.id", type = "body.type" }

[sources.spot]
provider   = "hubspot"
secrets    = ["env:BULK"]
public_url = "https://hooks.example.com/hooks/spot"

[sources.slack]
provider  = "hmac"
secrets   = ["env:BULK"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
handshake = "slack"

[sources.graph]
provider  = "hmac"
secrets   = ["env:BULK"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
handshake = "microsoft-graph"

[sources.meta]
provider     = "hmac"
secrets      = ["env:BULK"]
signature    = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
handshake    = "meta"
verify_token = "env:CHOSEN"

[sources.cloud]
provider  = "hmac"
secrets   = ["env:BULK"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
handshake = "cloudevents"
rate      = "100000/s"

[[routes]]
name     = "item"
source   = ["bulk", "kept"]
on       = "paid"
workflow = "order-${body.order}"
signal   = "paid"
args     = ["${request.account}", "${event.key}"]

[[routes]]
name     = "action"
source   = "desk"
on       = "paid"
allow    = ["ops"]
workflow = "order-${body.order}"
signal   = "by_hand"
args     = ["${claims.sub}"]

[[routes]]
name     = "spot"
source   = "spot"
on       = "deal.*"
workflow = "deal-${body.objectId}"
signal   = "changed"

[[routes]]
name     = "asked"
source   = ["slack", "graph", "meta", "cloud"]
when     = "has(body.order)"
workflow = "order-${body.order}"
signal   = "told"
"#;

pub(super) const SECRETS: [(&str, &str); 3] = [
    ("BULK", "a secret of the bulk sender"),
    ("SHOP", "a-shared-secret-of-32-bytes-or-more"),
    ("CHOSEN", "chosen for the dashboard"),
];

const ADDRESS: &str = "https://hooks.example.com/hooks/spot";

pub(super) fn request(dice: &mut Dice, number: usize, now: i64) -> Request {
    match pick(dice, 6) {
        0 => batch(dice, number, "bulk"),
        1 => batch(dice, number, "kept"),
        2 => token(dice, number, now),
        3 | 4 => spot(dice, number, now),
        _ => asking(dice, number),
    }
}

fn json_type() -> (String, String) {
    ("Content-Type".to_owned(), "application/json".to_owned())
}

fn signed(source: &'static str, body: Vec<u8>) -> Request {
    let signature = hex::encode(mac(SECRETS[0].1.as_bytes(), &body));
    let headers = vec![("X-Signature".to_owned(), signature), json_type()];
    Request::post(source, headers, body)
}

/// Items with a route and without, of one kind or mixed, none at all, and such as cannot be read.
fn batch(dice: &mut Dice, number: usize, source: &'static str) -> Request {
    let kinds = ["paid", "other"];
    let most = pick(dice, 5);
    let only = pick(dice, 3);
    let items: Vec<Value> = (0..most)
        .map(|at| {
            let kind = kinds.get(only).copied().unwrap_or(kinds[pick(dice, 2)]);
            let mut item = json!({ "id": format!("{number}-{at}"), "type": kind, "order": at });
            if dice.below(20) == 0 {
                item.as_object_mut().expect("an object").remove("id");
            }
            if dice.below(20) == 0 {
                item["order"] = json!([]);
            }
            item
        })
        .collect();
    let body = match dice.below(12) {
        0 => json!({ "nonce": number }),
        1 => json!({ "events": "none", "nonce": number }),
        _ => json!({ "account": "acct_1", "nonce": number, "events": items }),
    };
    let mut request = signed(source, body.to_string().into_bytes());
    if dice.below(10) == 0 {
        request.body.push(b' ');
    }
    request
}

fn token(dice: &mut Dice, number: usize, now: i64) -> Request {
    let roles: Value =
        [json!(["ops"]), json!(["desk"]), json!([]), json!("ops")][pick(dice, 4)].clone();
    let (expires, audience) = match dice.below(20) {
        0 => (now - 3600, "signalpost"),
        1 => (now + 3600, "another"),
        _ => (now + 3600, "signalpost"),
    };
    let claims = json!({
        "iss": "https://shop.example/", "aud": audience, "sub": "ann", "exp": expires, "roles": roles,
    });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let text = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let proof = URL_SAFE_NO_PAD.encode(mac(SECRETS[1].1.as_bytes(), text.as_bytes()));
    let mut headers = vec![
        ("Authorization".to_owned(), format!("Bearer {text}.{proof}")),
        json_type(),
    ];
    if dice.below(20) == 0 {
        headers.remove(0);
    }
    let kind = ["paid", "paid", "other"][pick(dice, 3)];
    let body = json!({ "id": format!("act-{number}"), "type": kind, "order": number });
    Request::post("desk", headers, body.to_string().into_bytes())
}

/// The address that is signed is not always the gateway's own.
fn spot(dice: &mut Dice, number: usize, now: i64) -> Request {
    let kinds = ["deal.creation", "deal.deletion", "contact.creation"];
    let items: Vec<Value> = (0..=pick(dice, 3))
        .map(|at| {
            json!({
                "subscriptionType": kinds[pick(dice, 3)], "subscriptionId": 7, "occurredAt": now,
                "eventId": number * 10 + at, "objectId": at,
            })
        })
        .collect();
    let body = Value::from(items).to_string().into_bytes();
    let query = ["", "", "a=x%20y", "a=x+y", "a=%3A"][pick(dice, 5)];
    let mark = if query.is_empty() { "" } else { "?" };
    let address = match dice.below(8) {
        0 => format!("{ADDRESS}/{mark}{query}"),
        1 => ADDRESS.replace("https:", "http:"),
        2 => format!("{ADDRESS}{mark}{}", query.replace('+', "%20")),
        _ => format!("{ADDRESS}{mark}{query}"),
    };
    let at = match dice.below(12) {
        0 => now - 3600,
        _ => now,
    };
    let mut request = called(&address, at, body);
    request.target = format!("{}{mark}{query}", request.target);
    request
}

/// Signed for an address, and sent without a query.
fn called(address: &str, at: i64, body: Vec<u8>) -> Request {
    let time = format!("{at}000");
    let text = [b"POST", address.as_bytes(), &body, time.as_bytes()].concat();
    let signature = STANDARD.encode(mac(SECRETS[0].1.as_bytes(), &text));
    let headers = vec![
        ("X-HubSpot-Signature-v3".to_owned(), signature),
        ("X-HubSpot-Request-Timestamp".to_owned(), time),
        json_type(),
    ];
    Request::post("spot", headers, body)
}

/// With what stands behind the address that is called, and behind the one that is signed.
pub(super) fn marked(number: usize, now: i64, sent: &str, signed: &str) -> Request {
    let body = json!([{
        "subscriptionType": "deal.creation", "subscriptionId": 7, "occurredAt": now,
        "eventId": number, "objectId": number,
    }]);
    let address = format!("{ADDRESS}{signed}");
    let mut request = called(&address, now, body.to_string().into_bytes());
    request.target.push_str(sent);
    request
}

/// Questions with a proof and without, good and bad, and events of the same sources.
fn asking(dice: &mut Dice, number: usize) -> Request {
    let event = json!({ "order": number }).to_string().into_bytes();
    let with = |source: &'static str,
                method: &'static str,
                query: &str,
                more: Vec<(String, String)>| Request {
        method,
        target: format!("/hooks/{source}{query}"),
        ..Request::post(source, more, Vec::new())
    };
    let origin = || {
        vec![(
            "WebHook-Request-Origin".to_owned(),
            "events.example.com".to_owned(),
        )]
    };
    match dice.below(14) {
        0 => signed(
            "slack",
            format!(r#"{{"type":"url_verification","challenge":"c{number}"}}"#).into_bytes(),
        ),
        1 => Request {
            headers: vec![json_type()],
            ..signed(
                "slack",
                br#"{"type":"url_verification","challenge":"c"}"#.to_vec(),
            )
        },
        2 => signed("slack", event),
        3 => with(
            "graph",
            "POST",
            "?validationToken=Validation%3A+Testing",
            Vec::new(),
        ),
        4 => with("graph", "POST", "?validationToken=", Vec::new()),
        5 => signed("graph", event),
        6 => with(
            "meta",
            "GET",
            "?hub.mode=subscribe&hub.challenge=1158&hub.verify_token=chosen%20for%20the%20dashboard",
            Vec::new(),
        ),
        7 => with(
            "meta",
            "GET",
            "?hub.mode=subscribe&hub.challenge=1158&hub.verify_token=guess",
            Vec::new(),
        ),
        8 => with("meta", "GET", "?hub.mode=subscribe", Vec::new()),
        9 => with("meta", "OPTIONS", "", Vec::new()),
        10 => with("cloud", "OPTIONS", "", origin()),
        11 => with("cloud", "OPTIONS", "", Vec::new()),
        12 => with("cloud", "GET", "", origin()),
        _ => signed("cloud", event),
    }
}
