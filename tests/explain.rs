//! `signalpost explain --query` and `signalpost routes`: what would be decided, and what can reach a workflow.

mod agreement;
mod webhooks;

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::signalpost;
use crate::support::sender::IdentityProvider;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:NOT_AT_HAND"]

[issuers.shop]
issuer     = "https://shop.example/"
audience   = "signalpost"
jwks       = "JWKS"
algorithms = ["ES256"]
roles      = "claims.roles"

[[routes]]
name     = "paid"
source   = "stripe"
on       = ["payment.*", "charge"]
when     = "body.id != '|'"
workflow = "order-${body.id}"
signal   = "payment_received"
args     = [{ amount = "${body.amount}", note = "a | b", n = 1 }]
missing  = { start = { type = "OrderWorkflow", task_queue = "orders", args = ["${body.id}"] } }

[[routes]]
name     = "noise"
source   = "stripe"
on       = "ping"
drop     = true

[[queries]]
name     = "status"
path     = "/orders/{order_id}/status"
workflow = "order-${path.order_id}"
query    = "get_status"
args     = ["${body.detail}"]
issuer   = "shop"
allow    = ["support", "ops"]
when     = "'ops' in roles || claims.region == 'eu'"
cache    = "2s"
"#;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(jwks: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let jwks = jwks.replace("FOLDER", &folder.path().display().to_string());
        let desk = Self { folder };
        desk.write("routes.toml", &ROUTES.replace("JWKS", &jwks));
        desk.write("body.json", r#"{"detail":"full"}"#);
        desk
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path().join(name), content).expect("a file");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = signalpost(arguments)
            .current_dir(self.path())
            .env_remove("SIGNALPOST_ROUTES")
            .output()
            .expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    fn explain(&self, more: &[&str]) -> Value {
        let query = [
            "explain",
            "--query",
            "POST /orders/42/status",
            "--body",
            "body.json",
            "-o",
            "json",
        ];
        let (code, out, err) = self.run(&[&query, more].concat());
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str(&out).expect("JSON")
    }
}

fn failed(decision: &Value) -> &str {
    let steps = decision["steps"].as_array().expect("steps");
    let failed = steps.iter().find(|step| step["ok"] == false);
    failed
        .and_then(|step| step["step"].as_str())
        .unwrap_or("none")
}

#[test]
fn a_token_is_followed_step_by_step_and_never_shown() {
    let idp = IdentityProvider::new().expect("keys");
    let desk = Desk::new("file:FOLDER/jwks.json");
    desk.write("jwks.json", &idp.jwks().expect("keys"));
    let token = idp.token("ann", "ops").expect("a token");
    desk.write("token", &format!("Bearer {token}\n"));

    let allowed = desk.explain(&["--token", "token", "--expect", "allow"]);
    assert_eq!(allowed["verdict"], "allow", "{allowed}");
    assert_eq!(allowed["question"]["workflow"], "order-42");
    assert_eq!(allowed["question"]["args"], json!(["full"]));
    let steps: Vec<_> = allowed["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| step["step"].as_str().expect("a name"))
        .collect();
    assert_eq!(steps, ["rule", "token", "caller", "roles", "allow", "when"]);

    let late = desk.explain(&["--token", "token", "--at", "2100-01-01T00:00:00Z"]);
    assert_eq!((failed(&late), &late["code"]), ("token", &json!("SP-Q101")));
    let stranger = IdentityProvider::new()
        .expect("keys")
        .token("ann", "ops")
        .expect("a token");
    desk.write("token", &stranger);
    let forged = desk.explain(&["--token", "token"]);
    assert_eq!((failed(&forged), &forged["status"]), ("token", &json!(401)));
    for shown in [allowed.to_string(), late.to_string(), forged.to_string()] {
        assert!(
            !shown.contains(&token) && !shown.contains(&stranger),
            "{shown}"
        );
    }
}

#[test]
fn keys_that_have_an_address_are_given_by_hand() {
    let idp = IdentityProvider::new().expect("keys");
    let desk = Desk::new("https://shop.example/jwks");
    desk.write("keys", &idp.jwks().expect("keys"));
    desk.write("token", &idp.token("ann", "ops").expect("a token"));
    let without = desk.explain(&["--token", "token"]);
    assert_eq!(without["code"], "SP-Q103", "nothing is fetched");
    let with = desk.explain(&["--token", "token", "--keys", "keys"]);
    assert_eq!(with["verdict"], "allow", "{with}");
}

#[test]
fn a_caller_without_a_token_is_told_in_json() {
    let desk = Desk::new("https://shop.example/jwks");
    for (told, verdict, step) in [
        (r#"{"roles":["ops"]}"#, "allow", "none"),
        (
            r#"{"roles":["support"],"claims":{"region":"eu"}}"#,
            "allow",
            "none",
        ),
        (
            r#"{"claims":{"roles":["support"],"region":"eu"}}"#,
            "allow",
            "none",
        ),
        (
            r#"{"roles":["support"],"claims":{"region":"us"}}"#,
            "deny",
            "when",
        ),
        (r#"{"roles":["support"]}"#, "deny", "when"),
        (r#"{"roles":["guest"]}"#, "deny", "allow"),
        (r#"{"issuer":"keys","roles":["ops"]}"#, "deny", "issuer"),
    ] {
        let decision = desk.explain(&["--as", told]);
        assert_eq!(
            (&decision["verdict"], failed(&decision)),
            (&json!(verdict), step),
            "{told}"
        );
    }
    let ask =
        |query: &str, more: &[&str]| desk.run(&[&["explain", "--query", query], more].concat());
    let ops = r#"{"roles":["ops"]}"#;
    let (code, out, _) = ask("/nothing", &["--as", ops]);
    assert_eq!(code, Some(0));
    assert!(out.ends_with("deny: 404 SP-Q001\n"), "{out}");
    let (_, out, _) = ask("DELETE /orders/1/status", &["--as", ops]);
    assert!(out.contains("405"), "{out}");
    let (_, out, _) = ask("/orders/1/status", &["--as", ops]);
    assert!(out.contains("NO  question"), "no body, no argument: {out}");
    assert_eq!(
        ask("/orders/1/status", &["--as", ops, "--expect", "allow"]).0,
        Some(1)
    );
    assert_eq!(
        ask("/orders/1/status", &["--as", ops, "--expect", "deny"]).0,
        Some(0)
    );
    assert_eq!(ask("/orders/1/status", &["--as", "{"]).0, Some(2));
    assert_eq!(ask("/orders/1/status", &[]).0, Some(2));
    assert_eq!(ask("/orders/1/status", &["--token", "nowhere"]).0, Some(2));
}

#[test]
fn routes_names_every_signal_and_query_and_no_secret() {
    let desk = Desk::new("https://shop.example/jwks");
    let (code, out, err) = desk.run(&["routes", "-o", "json"]);
    assert_eq!(code, Some(0), "{err}");
    let reach: Value = serde_json::from_str(&out).expect("JSON");
    let signals = reach["signals"].as_array().expect("signals");
    assert_eq!(signals.len(), 1, "what is dropped reaches nobody");
    let paid = &signals[0];
    assert_eq!(paid["types"], json!(["payment.*", "charge"]));
    assert_eq!(paid["workflow"], "order-${body.id}");
    assert_eq!(
        paid["args"],
        json!([{ "amount": "${body.amount}", "note": "a | b", "n": 1 }])
    );
    assert_eq!(
        paid["missing"],
        r#"start OrderWorkflow on task queue orders with ["${body.id}"]"#
    );
    let status = &reach["queries"][0];
    assert_eq!(status["path"], "/orders/{order_id}/status");
    assert_eq!(status["allow"], json!(["support", "ops"]));
    assert_eq!(status["cache"], "2s");

    let (_, page, _) = desk.run(&["routes", "-o", "md"]);
    assert!(
        page.contains("### `payment_received`") && page.contains("### `get_status`"),
        "{page}"
    );
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 3, "{line}");
    }
    let (_, text, _) = desk.run(&["routes"]);
    assert!(
        text.contains("signal payment_received by route paid"),
        "{text}"
    );
    assert!(text.contains("'ops' in roles"), "{text}");
}
