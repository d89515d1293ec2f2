//! `signalpost test`: cases that hold, cases that do not, and files of cases that cannot be read.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::signalpost;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:NOT_AT_HAND"]

[sources.approvals]
provider = "jwt"
issuer   = ["corp", "keys"]
event    = { key = "body.id", type = "body.decision" }

[issuers.corp]
issuer   = "https://idp.example/"
audience = "signalpost"
jwks     = "https://idp.example/jwks"
roles    = "claims.groups"

[keys.robot]
hash  = "sha256:KEY"
roles = ["manager"]

[[routes]]
name     = "paid"
source   = "stripe"
on       = "paid"
workflow = "order-${body.order}"
signal   = "payment_received"
args     = [{ amount = "${body.amount}" }]

[[routes]]
name     = "noise"
source   = "stripe"
on       = "ping"
drop     = true

[[routes]]
name     = "approved"
source   = "approvals"
on       = "approved"
allow    = ["manager"]
workflow = "refund-${body.refund}"
signal   = "decided"
args     = ["${claims.sub}"]

[[queries]]
name     = "status"
path     = "/orders/{id}/status"
workflow = "order-${path.id}"
query    = "get_status"
issuer   = "corp"
allow    = ["support"]
"#;

/// A case of one source, with a name and what is expected.
fn case(name: &str, lines: &str, expect: &str) -> String {
    format!("[[cases]]\nname = \"{name}\"\n{lines}\nexpect = {expect}\n\n")
}

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(cases: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let routes = ROUTES.replace("KEY", &"ab".repeat(32));
    std::fs::write(folder.path().join("routes.toml"), routes).expect("a file");
    std::fs::write(folder.path().join("tests.toml"), cases).expect("a file");
    std::fs::write(folder.path().join("paid.json"), PAID).expect("a file");
    let request = format!("POST /hooks/stripe HTTP/1.1\nStripe-Signature: old\n\n{PAID}");
    std::fs::write(folder.path().join("paid.http"), request).expect("a file");
    run_in(folder.path(), &[&["test"], more].concat())
}

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    let output = signalpost(arguments)
        .current_dir(folder)
        .env_remove("SIGNALPOST_ROUTES")
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

const PAID: &str = r#"{"id":"evt_1","type":"paid","order":"7","amount":0.10}"#;
const STRIPE: &str = "source = \"stripe\"\nsign = true\n";
const APPROVED: &str =
    "source = \"approvals\"\nbody = { id = \"1\", decision = \"approved\", refund = \"7\" }\n";

#[test]
fn cases_that_hold_pass_without_any_secret() {
    let paid = r#"{ workflow = "order-7", signal = "payment_received", args = [{ amount = 0.10 }], namespace = "default" }"#;
    let decided = r#"[{ workflow = "refund-7", signal = "decided", args = ["ann"] }]"#;
    let cases = [
        case("inline", &format!("{STRIPE}body = '{PAID}'"), paid),
        case("file", &format!("{STRIPE}body_file = \"paid.json\""), paid),
        case("request", &format!("{STRIPE}request = \"paid.http\""), paid),
        case(
            "old",
            &format!("{STRIPE}at = 2020-01-01T00:00:00Z\nbody = '{PAID}'"),
            paid,
        ),
        case(
            "dropped",
            &format!("{STRIPE}body = {{ id = \"1\", type = \"ping\" }}"),
            "\"dropped\"",
        ),
        case(
            "parked",
            &format!("{STRIPE}body = {{ id = \"1\", type = \"paid\" }}"),
            "\"parked\"",
        ),
        case(
            "unrouted",
            &format!("{STRIPE}body = {{ id = \"1\", type = \"x\" }}"),
            "\"unrouted\"",
        ),
        case(
            "no key",
            &format!("{STRIPE}body = {{ type = \"x\" }}"),
            "\"refused\"",
        ),
        case(
            "roles",
            &format!("{APPROVED}subject = \"ann\"\nroles = [\"manager\"]"),
            decided,
        ),
        case(
            "claims",
            &format!("{APPROVED}claims = {{ sub = \"ann\", groups = [\"manager\"] }}"),
            decided,
        ),
        case(
            "key",
            &format!("{APPROVED}issuer = \"keys\"\nsubject = \"ann\"\nroles = [\"manager\"]"),
            decided,
        ),
        case(
            "no role",
            &format!("{APPROVED}roles = [\"guest\"]"),
            "\"refused\"",
        ),
        case("no token", APPROVED, "\"refused\""),
        case(
            "ask",
            "query = \"/orders/7/status\"\nas = { roles = [\"support\"] }",
            "\"allow\"",
        ),
        case(
            "ask claims",
            "query = \"/orders/7/status\"\nas = { claims = { groups = [\"x\"] } }",
            "\"deny\"",
        ),
    ];
    let run = run(&cases.concat(), &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.err.ends_with("15 passed, 0 failed\n"), "{}", run.err);
}

#[test]
fn a_case_that_does_not_hold_says_what_differs_and_where() {
    let other = r#"{ workflow = "order-7", signal = "payment_received", args = [{ amount = 1, note = "x" }] }"#;
    let cases = [
        case("amount", &format!("{STRIPE}body = '{PAID}'"), other),
        case(
            "unsigned",
            &format!("source = \"stripe\"\nbody = '{PAID}'"),
            "\"unrouted\"",
        ),
        case(
            "absent",
            &format!("{STRIPE}body_file = \"nowhere\""),
            "\"unrouted\"",
        ),
        case(
            "good",
            &format!("{STRIPE}body = {{ id = \"1\", type = \"ping\" }}"),
            "\"dropped\"",
        ),
    ]
    .concat();
    let failed = run(&cases, &[]);
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    for part in [
        "FAILED  amount   tests.toml:1",
        "- args[0].amount = 1\n",
        "+ args[0].amount = 0.1\n",
        "- args[0].note = \"x\"",
        "env:NOT_AT_HAND; or say `sign = true`",
        "nowhere cannot be read",
        "ok      good",
    ] {
        assert!(failed.out.contains(part), "{part}: {}", failed.out);
    }
    assert!(failed.err.contains("1 passed, 3 failed"), "{}", failed.err);
    let filtered = run(&cases, &["--filter", "goo"]);
    assert_eq!(filtered.code, Some(0), "{}", filtered.err);
    assert!(
        filtered.err.contains("1 passed, 0 failed, 3 left out"),
        "{}",
        filtered.err
    );
    let report: Value = serde_json::from_str(&run(&cases, &["-o", "json"]).out).expect("JSON");
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&json!(1), &json!(3))
    );
    let amount = &report["cases"][0];
    assert_eq!(amount["ok"], false);
    assert_eq!(
        amount["found"]["deliveries"][0]["args"],
        json!([{ "amount": 0.1 }])
    );
    assert_eq!(run(&cases, &["--filter", "nothing"]).code, Some(2));
}

#[test]
fn a_file_of_cases_is_read_like_the_routing_file() {
    let bad = run(
        r#"
[[cases]]
name = "a"
sorce = "stripe"
expekt = "refused"

[[cases]]
name = "b"
source = "stripe"
query = "/x"
sign = 1
expect = "unruted"

[[cases]]
name = "c"
source = "stripe"
at = "yesterday"
expect = { workflow = "a", signal = "b", arg = [] }
"#,
        &[],
    );
    assert_eq!(bad.code, Some(2), "{}", bad.out);
    for part in [
        "tests.toml:4:1",
        "did you mean `source`?",
        "tests.toml:5:1",
        "did you mean `expect`?",
        "either a `source` or a `query`",
        "`sign` is true or false, and this is a number",
        "`expect` cannot be `unruted`",
        "a time is written as in",
        "did you mean `args`?",
    ] {
        assert!(bad.err.contains(part), "{part}: {}", bad.err);
    }
    let twice = [
        case("a", STRIPE, "\"refused\""),
        case("a", STRIPE, "\"refused\""),
    ];
    let twice = run(&twice.concat(), &[]);
    assert!(
        twice.err.contains("there is a case `a` already"),
        "{}",
        twice.err
    );
    assert_eq!(run("a = [", &[]).code, Some(2));
    assert_eq!(run("", &["elsewhere.toml"]).code, Some(2));
}

#[test]
fn the_cases_of_the_demo_hold() {
    let run = run_in(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &[
            "test",
            "examples/orders/tests.toml",
            "--routes",
            "examples/orders/routes.toml",
        ],
    );
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
}
