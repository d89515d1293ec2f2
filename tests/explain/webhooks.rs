//! `signalpost explain` of a webhook: captured as a file, as the flags of curl, and kept by a gateway.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cli::signalpost;
use crate::support::exchange::mac;
use crate::support::gateway::Gateway;
use crate::support::operator::NO_TEMPORAL;
use crate::support::sender::{self, CARRIER_SECRET, IdentityProvider, STRIPE_SECRET};
use crate::support::{exchange, gateway::Setup};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:OLD_SECRET", "env:SECRET"]

[sources.carrier]
provider  = "hmac"
secrets   = ["env:CARRIER"]
signature = { header = "X-Carrier-Signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", signed = "{timestamp}.{body}" }
timestamp = { header = "X-Carrier-Timestamp", unit = "s", tolerance = "5m" }
event     = { key = "body.id", type = "body.event" }

[sources.approvals]
provider = "jwt"
issuer   = "shop"
event    = { key = "body.id", type = "body.event" }

[issuers.shop]
issuer     = "https://shop.example/"
audience   = "signalpost"
jwks       = "file:FOLDER/jwks.json"
algorithms = ["ES256"]
roles      = "claims.roles"

[[routes]]
name     = "large"
source   = "stripe"
on       = "payment_intent.succeeded"
when     = "body.data.object.amount > 1000"
workflow = "audit"
signal   = "large_payment"

[[routes]]
name     = "paid"
source   = "stripe"
on       = "payment_intent.*"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"
args     = [{ amount = "${body.data.object.amount}" }]

[[routes]]
name     = "parcel"
source   = "carrier"
on       = "parcel.*"
when     = "query.mode == 'live'"
workflow = "order-${body.parcel.reference}"
signal   = "shipment_update"

[[routes]]
name     = "approved"
source   = "approvals"
allow    = ["ops"]
workflow = "refund-${body.id}"
signal   = "decided"
"#;

const OLD_SECRET: &str = "whsec_the_one_before_the_last";
const AT: i64 = 1_785_585_600;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let routes = ROUTES.replace("FOLDER", &folder.path().display().to_string());
        let desk = Self { folder };
        desk.write("routes.toml", routes.as_bytes());
        desk
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).expect("a file");
    }

    /// Writes a payment as it was captured, signed at [`AT`].
    fn payment(&self, amount: u64, tail: &str) {
        let body = sender::payment("42", "evt_1", amount);
        let signature = sender::stripe_signature(STRIPE_SECRET, AT, &body);
        let length = body.len();
        let request = format!(
            "POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nStripe-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n{body}{tail}"
        );
        self.write("payment.http", request.as_bytes());
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        explain(self.folder.path(), arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (_, out, err) = self.run(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}{err}"))
    }
}

/// The program with every secret at hand; none of them may stand in what it says.
fn explain(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = signalpost(&[&["explain"], arguments].concat())
        .current_dir(folder)
        .env_remove("SIGNALPOST_ROUTES")
        .env("SECRET", STRIPE_SECRET)
        .env("OLD_SECRET", OLD_SECRET)
        .env("CARRIER", CARRIER_SECRET)
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    for secret in [STRIPE_SECRET, OLD_SECRET, CARRIER_SECRET] {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
    }
    (output.status.code(), out, err)
}

const REQUEST: [&str; 2] = ["--request", "payment.http"];
const THEN: [&str; 2] = ["--at", "2026-08-01T12:00:30Z"];

#[test]
fn a_capture_is_followed_to_its_signals_step_by_step() {
    let desk = Desk::new();
    desk.payment(2599, "");
    let expected = [
        "--expect",
        "order-42/payment_received",
        "--expect",
        "audit/large_payment",
    ];
    let (code, text, err) = desk.run(&[&REQUEST[..], &THEN, &expected].concat());
    assert_eq!(code, Some(0), "{text}{err}");
    for part in [
        "ok  headers   `stripe-signature`, 1 signature",
        "ok  signed    `{timestamp}.{body}`: 10 + 1 + ",
        "SHA-256 ",
        "ok  signature matches env:SECRET",
        "type payment_intent.succeeded (`body.type`), key evt_1 (`body.id`)",
        "ok  route     `paid`: signal payment_received to workflow order-42 in namespace default, arguments [{\"amount\":2599}]; missing: wait 5m, then park; closed: park",
        "accepted: 2 deliveries",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let shown = desk.json(&[&REQUEST[..], &THEN].concat());
    assert_eq!(shown["verdict"], "accepted");
    assert_eq!(shown["reason"], Value::Null);
    assert_eq!(shown["event"]["key"], "evt_1");
    assert_eq!(shown["deliveries"][1]["route"], "paid");
    assert_eq!(shown["deliveries"][1]["args"], json!([{ "amount": 2599 }]));

    desk.payment(5, "");
    let (code, text, err) = desk.run(&[&REQUEST[..], &THEN, &expected].concat());
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("NO  route     `large`: `when` is false"),
        "{text}"
    );
    assert!(
        err.contains("expected audit/large_payment, found order-42/payment_received"),
        "{err}"
    );
}

#[test]
fn a_capture_that_is_only_old_shows_what_would_follow() {
    let desk = Desk::new();
    desk.payment(5, "");
    let shown = desk.json(&REQUEST);
    assert_eq!(
        (&shown["verdict"], &shown["reason"]),
        (&json!("refused"), &json!("stale"))
    );
    assert_eq!(shown["code"], "SP-R101");
    assert_eq!(shown["would_follow"]["at"], "2026-08-01T12:00:00.000Z");
    assert_eq!(
        shown["would_follow"]["deliveries"][0]["workflow"],
        "order-42"
    );
    assert_eq!(shown["diagnosis"][0]["cause"], "timestamp_old");
    let (code, text, _) = desk.run(&[&REQUEST[..], &["--expect", "refused"]].concat());
    assert_eq!(code, Some(0));
    assert!(text.contains("only its age is at fault"), "{text}");
}

#[test]
fn what_an_editor_did_to_a_capture_is_said() {
    let desk = Desk::new();
    desk.payment(5, "\n");
    let (_, text, _) = desk.run(&[&REQUEST[..], &THEN].concat());
    assert!(text.contains("Content-Length says"), "{text}");
    assert!(text.contains("body_newline_added"), "{text}");
}

/// The gateway was given the address that it has behind its proxy.
#[test]
fn an_address_that_the_gateway_does_not_know_as_its_own_is_named() {
    let desk = Desk::new();
    let source = "[sources.square]\nprovider = \"square\"\nsecrets = [\"env:SECRET\"]\n";
    desk.write("routes.toml", source.as_bytes());
    let (url, body) = (
        "https://hooks.example.com/hooks/square",
        r#"{"event_id":"1"}"#,
    );
    let signed = [url.as_bytes(), body.as_bytes()].concat();
    let signature = STANDARD.encode(mac(STRIPE_SECRET.as_bytes(), &signed));
    let request =
        format!("POST {url} HTTP/1.1\r\nX-Square-HmacSha256-Signature: {signature}\r\n\r\n{body}");
    desk.write("square.http", request.as_bytes());
    let of = |base: &str| desk.json(&["--request", "square.http", "--public-url", base]);
    let shown = of("http://gateway:8080");
    assert_eq!(shown["reason"], "bad_signature", "{shown}");
    let advice = &shown["diagnosis"][0];
    assert_eq!(advice["cause"], "url_differs", "{shown}");
    let text = advice["text"].as_str().expect("a text");
    for part in [
        "matches for https://hooks.example.com/hooks/square,",
        "its address is http://gateway:8080/hooks/square:",
        "SIGNALPOST_PUBLIC_URL=https://hooks.example.com for the process",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(of("https://hooks.example.com")["verdict"], "unrouted");
    // The same file, compared with itself: its address may come from the process alone.
    let compared = signalpost(&["diff", "routes.toml", "routes.toml"])
        .current_dir(desk.folder.path())
        .env("SIGNALPOST_PUBLIC_URL", "https://hooks.example.com")
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&compared.stderr);
    assert_eq!(compared.status.code(), Some(0), "{said}");
}

#[test]
fn the_flags_of_curl_say_the_same() {
    let desk = Desk::new();
    let body = sender::parcel("42", "pcl_1");
    desk.write("body.json", body.as_bytes());
    let now = signalpost::clock::now().seconds().to_string();
    let mac = exchange::mac(
        CARRIER_SECRET.as_bytes(),
        format!("{now}.{body}").as_bytes(),
    );
    let signature = format!("X-Carrier-Signature: sha256={}", hex::encode(mac));
    let time = format!("X-Carrier-Timestamp: {now}");
    let flags = [
        "-X",
        "POST",
        "-H",
        &signature,
        "-H",
        &time,
        "--data-binary",
        "@body.json",
    ];
    let live = [
        "--url",
        "/hooks/carrier?mode=live",
        "--expect",
        "order-42/shipment_update",
    ];
    let (code, text, err) = desk.run(&[&flags[..], &live].concat());
    assert_eq!(code, Some(0), "{text}{err}");
    let other = ["--source", "carrier", "--expect", "unrouted"];
    let (code, text, _) = desk.run(&[&flags[..], &other].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("`when` cannot be evaluated, which is no match"),
        "{text}"
    );
    let get = ["-X", "GET", "-H", "A: b", "--source", "carrier"];
    assert_eq!(desk.json(&get)["reason"], "method");
    let nobody = ["-H", "A: b", "--url", "/hooks/nobody"];
    assert_eq!(desk.json(&nobody)["reason"], "unknown_source");
    for bad in [
        &["--source", "carrier"][..],
        &["-H", "A: b"],
        &["-H", "A: b", "--source", "nobody"],
        &["-H", "A: b", "--source", "carrier", "--expect", "alow"],
        &["--request", "nowhere.http"],
        &["--request", "a", "--query", "/x"],
    ] {
        assert_eq!(desk.run(bad).0, Some(2), "{bad:?}");
    }
}

async fn gateway(idp: &IdentityProvider) -> Gateway {
    Setup::new(ROUTES, NO_TEMPORAL)
        .env("SECRET", STRIPE_SECRET)
        .env("OLD_SECRET", OLD_SECRET)
        .env("CARRIER", CARRIER_SECRET)
        .file("jwks.json", &idp.jwks().expect("keys"))
        .start()
        .await
}

async fn of_event(gateway: &Gateway, id: &str) -> (Option<i32>, String, String) {
    let (folder, ops) = (gateway.folder().to_owned(), gateway.ops().to_owned());
    let id = id.to_owned();
    let run = move || explain(&folder, &[&id, "--ops-url", &ops]);
    tokio::task::spawn_blocking(run).await.expect("it runs")
}

#[tokio::test]
async fn a_kept_event_is_explained_by_its_id() {
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp).await;
    let body = sender::payment("42", "evt_1", 5);
    let paid = exchange::stripe(&gateway, body.as_str()).await;
    let (code, text, err) = of_event(&gateway, paid.event()).await;
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.contains("ok  proof     holds again"), "{text}");
    assert!(
        text.contains("signal payment_received to workflow order-42"),
        "{text}"
    );

    let token = idp.token("ann", "ops").expect("a token");
    let authorization = format!("Bearer {token}");
    let url = format!("{}/hooks/approvals?note=x", gateway.public());
    let headers = [("Authorization", authorization.as_str())];
    let approved = exchange::post(&url, &headers, r#"{"id":"7","event":"approved"}"#).await;
    let (code, text, err) = of_event(&gateway, approved.event()).await;
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.contains("only a fingerprint is kept"), "{text}");
    assert!(text.contains("ok  sender    shop:ann, roles ops"), "{text}");
    assert!(text.contains("workflow refund-7"), "{text}");
    assert!(!text.contains(&token));

    let unknown = "01985f2e-6a52-7d1e-9b1c-0f6c1c3b7a10";
    let (code, _, err) = of_event(&gateway, unknown).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("no event has the id"), "{err}");
}
