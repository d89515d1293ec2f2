//! API keys: made by the command line, known by their hash, taken for queries and webhooks.

use std::process::Output;

use serde_json::{Value, json};

use crate::cli::signalpost;
use crate::support::eventually;
use crate::support::exchange::{Answer, get, post};
use crate::support::gateway::{Gateway, Setup};
use crate::support::issuer::Issuer;

const ROUTES: &str = r#"
[issuers.corp]
issuer   = "https://idp.example/"
audience = "signalpost"
jwks     = "JWKS"
roles    = "claims.roles"

[sources.deploys]
provider = "jwt"
issuer   = ["corp", "keys"]
event    = { type = "body.type" }

[[routes]]
name     = "deploy"
source   = "deploys"
workflow = "release-${body.release}"
signal   = "deployed"
args     = ["${claims.sub}"]
allow    = ["deploy"]

[[queries]]
name     = "status"
path     = "/releases/{id}/status"
workflow = "release-${path.id}"
query    = "get_status"
issuer   = ["corp", "keys"]
allow    = ["deploy"]

[[queries]]
name     = "machines"
path     = "/machines/{id}"
workflow = "release-${path.id}"
query    = "get_status"
issuer   = "keys"
allow    = ["*"]
"#;

/// `signalpost keys new` with these arguments.
fn keys_new(arguments: &[&str]) -> Output {
    let all = [&["keys", "new"], arguments].concat();
    signalpost(&all).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A key and the table that knows it.
fn key(arguments: &[&str]) -> (String, String) {
    let made = keys_new(arguments);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let said = text(&made.stderr);
    let key = said
        .split_whitespace()
        .find(|word| word.len() == 47 && word.starts_with("spk_"))
        .unwrap_or_else(|| panic!("a key in {said}"));
    let table = text(&made.stdout);
    assert!(
        !table.contains(key),
        "the table may go into the file as it is"
    );
    (key.to_owned(), table)
}

async fn gateway(jwks: &str, tables: &str) -> Gateway {
    let routes = format!("{}{tables}", ROUTES.replace("JWKS", jwks));
    Setup::new(&routes, "127.0.0.1:1").start().await
}

async fn ask(gateway: &Gateway, path: &str, bearer: &str) -> Answer {
    let bearer = format!("Bearer {bearer}");
    let url = format!("{}{path}", gateway.public());
    get(&url, &[("Authorization", &bearer)]).await
}

async fn deploy(gateway: &Gateway, bearer: &str) -> Answer {
    let bearer = format!("Bearer {bearer}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let url = format!("{}/hooks/deploys", gateway.public());
    post(&url, &headers, r#"{"type":"done","release":"7"}"#).await
}

/// The code of an answer; `SP-Q307` is Temporal away, which only a permitted caller finds out.
fn code(answer: &Answer) -> &str {
    answer.body["code"].as_str().unwrap_or_default()
}

#[test]
fn a_key_is_shown_once_and_its_table_compiles() {
    let (key, table) = key(&["--name", "ci", "--roles", "deploy,ops", "--expires", "90d"]);
    assert!(
        table.starts_with("\n[keys.ci]\nhash = \"sha256:"),
        "{table}"
    );
    let options = signalpost::config::Options::new("default");
    let plan = signalpost::config::compile(&table, "routes.toml", &options)
        .plan
        .expect("no errors");
    let entry = plan.keys.find(&key).expect("the key is known");
    assert_eq!(
        (&*entry.name, &*entry.roles),
        ("ci", &["deploy", "ops"].map(str::to_owned)[..])
    );
    let left = entry
        .expires
        .expect("an end")
        .since(signalpost::clock::now());
    assert!(
        left.as_secs() > 89 * 86_400 && left.as_secs() <= 90 * 86_400,
        "{left:?}"
    );

    let json = keys_new(&["-o", "json", "--expires", "2999-01-01"]);
    assert!(json.stderr.is_empty());
    let made: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(
        made["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("spk_"))
    );
    assert_eq!(made["expires"], "2999-01-01T00:00:00.000Z");
    assert_eq!(made["roles"], json!([]));

    for wrong in [
        ["--expires", "2001-01-01"],
        ["--expires", "soon"],
        ["--name", "a b"],
    ] {
        assert_eq!(keys_new(&wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_key_asks_and_sends_what_its_roles_allow_until_it_is_removed() {
    let issuer = Issuer::start().await;
    let (ci, ci_table) = key(&["--name", "ci", "--roles", "deploy"]);
    let (guest, guest_table) = key(&["--name", "guest"]);
    let tables = format!("{ci_table}{guest_table}");
    let gateway = gateway(issuer.address(), &tables).await;
    for path in ["/releases/7/status", "/machines/7"] {
        assert_eq!(code(&ask(&gateway, path, &ci).await), "SP-Q307", "{path}");
    }
    gateway
        .says(&[r#""who":"keys:ci""#, r#""query":"status""#])
        .await;
    assert_eq!(code(&ask(&gateway, "/machines/7", &guest).await), "SP-Q307");
    let refused = ask(&gateway, "/releases/7/status", &guest).await;
    assert_eq!((refused.status, code(&refused)), (403, "SP-Q102"));
    let person = issuer.token("first", "ada");
    let refused = ask(&gateway, "/machines/7", &person).await;
    assert_eq!(refused.status, 401, "this rule takes no tokens of issuers");

    let accepted = deploy(&gateway, &ci).await;
    assert_eq!(
        (accepted.status, &accepted.body["deliveries"]),
        (200, &json!(1))
    );
    gateway
        .says(&[r#""who":"keys:ci""#, r#""source":"deploys""#])
        .await;
    let refused = deploy(&gateway, &guest).await;
    assert_eq!(
        (refused.status, code(&refused)),
        (403, "SP-R102"),
        "{}",
        refused.text
    );
    gateway
        .says(&[
            r#""who":"keys:guest""#,
            r#""outcome":"refused""#,
            r#""reason":"role""#,
        ])
        .await;

    let without = format!("{}{guest_table}", ROUTES.replace("JWKS", issuer.address()));
    gateway.replace("routes.toml", &without.replace("\"deploy\"]", "\"*\"]"));
    gateway.hang_up();
    eventually("the key is gone", async || {
        ask(&gateway, "/machines/7", &ci).await.status == 401
    })
    .await;
    assert_eq!(deploy(&gateway, &ci).await.status, 401);
}

/// What a caller can tell two refusals apart by.
fn visible(answer: &Answer) -> (u16, String, Vec<String>) {
    let mut body = answer.body.clone();
    body["request"] = json!(null);
    let mut names: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    names.sort();
    (answer.status, body.to_string(), names)
}

#[tokio::test]
async fn every_refusal_of_a_bearer_looks_the_same() {
    let mut issuer = Issuer::start().await;
    let (good, table) = key(&["--name", "ci", "--roles", "deploy"]);
    let (old, old_table) = key(&["--name", "old", "--roles", "deploy"]);
    let (unknown, _) = key(&[]);
    let expired = format!("{old_table}expires = 2020-01-01T00:00:00Z\n");
    let gateway = gateway(issuer.address(), &format!("{table}{expired}")).await;
    assert_eq!(code(&ask(&gateway, "/machines/7", &good).await), "SP-Q307");
    let now = signalpost::clock::now().seconds();
    issuer.make_key("hidden");
    let late = issuer.token_with(
        "first",
        &json!({ "iss": "https://idp.example/", "aud": "signalpost", "sub": "ada", "exp": now - 60 }),
    );
    let half: String = good.chars().take(30).collect();
    let strange = issuer.token("hidden", "ada");
    let bearers = [&unknown, &old, &half, "spk_", "x", "", &late, &strange];
    let mut first = None;
    for bearer in bearers {
        let query = ask(&gateway, "/releases/7/status", bearer).await;
        assert_eq!(query.status, 401, "{bearer}");
        let hook = deploy(&gateway, bearer).await;
        assert_eq!(hook.status, 401, "{bearer}");
        let seen = (visible(&query), visible(&hook));
        assert_eq!(first.get_or_insert_with(|| seen.clone()), &seen, "{bearer}");
    }
    let log = gateway.log();
    for secret in [&good, &old, &unknown] {
        assert!(!log.contains(secret.as_str()), "a key stands in the log");
    }
}

#[test]
fn a_key_in_the_file_is_refused_and_not_shown() {
    let (key, _) = key(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    for line in [
        format!("[keys.ci]\nhash = \"{key}\"\n"),
        format!("[keys.ci]\nnote = \"it is {key}\"\n"),
        format!("# {key}\n[sources]\n"),
        format!("[keys.ci\nhash = \"{key}\"\n"),
    ] {
        let path = folder.path().join("routes.toml");
        std::fs::write(&path, &line).expect("a file");
        let path = path.display().to_string();
        for format in ["text", "json"] {
            let checked = signalpost(&["check", &path, "-o", format])
                .output()
                .expect("the binary runs");
            assert_eq!(checked.status.code(), Some(1), "{line}");
            let said = text(&[checked.stdout, checked.stderr].concat());
            assert!(!said.contains(&key), "{said}");
        }
    }
}
