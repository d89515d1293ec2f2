//! No secret shows: not in the log at its loudest, not in metrics, answers, events, `check`, or a debug print.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, Command, FromArgMatches};
use serde_json::Value;
use signalpost::config::{self, Options};
use signalpost::settings::ServeSettings;

use crate::cli::signalpost;
use crate::support::eventually;
use crate::support::exchange::{get, post, stripe_signature};
use crate::support::gateway::{Gateway, Setup};
use crate::support::issuer::Issuer;
use crate::support::workflows::{Workflows, unique};

const ROUTES: &str = r#"
[issuers.corp]
issuer   = "https://idp.example/"
audience = "signalpost"
jwks     = "JWKS"
roles    = "claims.roles"

[sources.stripe]
provider = "stripe"
secrets  = ["env:OLD", "file:FOLDER/secret"]

[sources.approvals]
provider = "jwt"
issuer   = "corp"
unrouted = "keep"

[[routes]]
name     = "every"
source   = "stripe"
workflow = "${body.workflow}"
signal   = "s"
args     = [{ authorization = "${headers['authorization']}", token = "${query.token}" }]
when     = "body.workflow != ''"

[[queries]]
name     = "status"
path     = "/orders/{id}/status"
workflow = "${path.id}"
query    = "get_status"
issuer   = "corp"
allow    = ["ops"]
"#;

const OLD: &str = "hush-old-webhook-secret";
const CURRENT: &str = "hush-current-webhook-secret";
const OPS: &str = "hush-operators-token";
const AUTHORIZATION: &str = "hush-authorization";
const COOKIE: &str = "hush-cookie";
const PARAMETER: &str = "hush-parameter";
const API_KEY: &str = "hush-api-key";
const LITERAL: &str = "hush-literal";

/// Everything that was said, and where.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    fn shows_none_of(&self, secrets: &[String]) {
        for (place, text) in &self.0 {
            for secret in secrets {
                assert!(
                    !text.contains(secret.as_str()),
                    "{secret} stands in {place}:\n{text}"
                );
            }
        }
    }
}

async fn ops(gateway: &Gateway, path: &str) -> String {
    let bearer = format!("Bearer {OPS}");
    let url = format!("{}{path}", gateway.ops());
    get(&url, &[("Authorization", &bearer)]).await.text
}

/// A webhook with every kind of credential about it, signed with `secret`; the answer's text.
async fn webhook(gateway: &Gateway, secret: &str, body: &str) -> String {
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(secret, &now, body.as_bytes());
    let headers = [
        ("Stripe-Signature", signature.as_str()),
        ("Authorization", &format!("Bearer {AUTHORIZATION}")),
        ("Cookie", &format!("session={COOKIE}")),
        ("X-Api-Key", API_KEY),
        ("Content-Type", "application/json"),
    ];
    let url = format!("{}/hooks/stripe?token={PARAMETER}&a=1", gateway.public());
    post(&url, &headers, body).await.text
}

async fn with_token(gateway: &Gateway, token: &str) -> [String; 2] {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let hook = format!("{}/hooks/approvals", gateway.public());
    let query = format!("{}/orders/none/status", gateway.public());
    [
        post(&hook, &headers, "{}").await.text,
        get(&query, &headers).await.text,
    ]
}

/// Good and bad requests, and a reload of a bad file; what the callers were told.
async fn drive(gateway: &Gateway, workflow: &str, tokens: &[String]) -> Said {
    let mut said = Said::default();
    let good = format!(r#"{{"id":"1","workflow":"{workflow}"}}"#);
    said.add("an acceptance", webhook(gateway, CURRENT, &good).await);
    said.add("a duplicate", webhook(gateway, OLD, &good).await);
    said.add(
        "a refusal",
        webhook(gateway, "hush-wrong-secret", &good).await,
    );
    said.add(
        "a body that is no JSON",
        webhook(gateway, CURRENT, "{").await,
    );
    said.add(
        "a body without a key",
        webhook(gateway, CURRENT, "{}").await,
    );
    said.add(
        "a parked event",
        webhook(gateway, CURRENT, r#"{"id":"2","workflow":{}}"#).await,
    );
    said.add(
        "an unrouted event",
        webhook(gateway, CURRENT, r#"{"id":"3"}"#).await,
    );
    for token in tokens {
        for text in with_token(gateway, token).await {
            said.add("an answer to a token", text);
        }
    }
    let bad = format!(
        "[sources.stripe]\nprovider = \"stripe\"\nsecrets = [\"{LITERAL}\"]\nsigning_key = \"{LITERAL}\"\n"
    );
    gateway.replace("routes.toml", &bad);
    gateway.hang_up();
    eventually("the bad file is refused", async || {
        ops(gateway, "/v1/config").await.contains("SP-C012")
    })
    .await;
    said
}

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let workflows = Workflows::connect().await;
    let workflow = unique("secret");
    workflows.start(&workflow).await;
    let issuer = Issuer::start().await;
    let token = issuer.token("first", "ada");
    let tokens = [token.clone(), format!("{token}x"), token.replace('.', "")];
    let gateway = Setup::new(
        &ROUTES.replace("JWKS", issuer.address()),
        workflows.address(),
    )
    .env("OLD", OLD)
    .env("SIGNALPOST_OPS_TOKEN", OPS)
    .flag("--log", "trace")
    .file("secret", CURRENT)
    .start()
    .await;
    let mut said = drive(&gateway, &workflow, &tokens).await;
    workflows.signals(&workflow, 1).await;
    gateway.says(&["SignalWorkflowExecution"]).await;

    for path in ["/metrics", "/ready", "/v1/config", "/v1/events"] {
        said.add(path, ops(&gateway, path).await);
    }
    let page: Value = serde_json::from_str(&ops(&gateway, "/v1/events").await).expect("JSON");
    let events = page["events"].as_array().expect("events");
    assert!(events.len() >= 4, "{page:#}");
    for event in events {
        let id = event["id"].as_str().expect("an id");
        said.add(
            "an event",
            ops(&gateway, &format!("/v1/events/{id}?body=true")).await,
        );
    }
    for (format, more) in [("text", "--secrets"), ("json", "--deny-warnings")] {
        let file = gateway.folder().join("routes.toml");
        let output = signalpost(&["check", "-o", format, more])
            .arg(file)
            .output()
            .expect("check");
        said.add("check", String::from_utf8_lossy(&output.stdout));
        said.add("check", String::from_utf8_lossy(&output.stderr));
    }
    said.add("the log", gateway.log());

    let mut secrets: Vec<String> = [
        OLD,
        CURRENT,
        OPS,
        AUTHORIZATION,
        COOKIE,
        PARAMETER,
        API_KEY,
        LITERAL,
    ]
    .map(str::to_owned)
    .to_vec();
    // The whole of a token is a credential, and so is its signature.
    let signature = token.rsplit('.').next().expect("a signature");
    secrets.extend([token.clone(), signature.to_owned()]);
    said.shows_none_of(&secrets);
    assert!(
        said.0
            .iter()
            .any(|(place, text)| place == "the log" && text.contains("TRACE"))
    );
}

#[test]
fn a_debug_print_of_plan_settings_or_secret_shows_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), CURRENT).expect("a secret");
    let routes = ROUTES
        .replace("FOLDER", &folder.path().display().to_string())
        .replace("JWKS", "https://idp.example/jwks");
    let mut options = Options::new("default");
    options.env = Arc::new(|name| (name == "OLD").then(|| OLD.to_owned()));
    let loaded = config::compile(&routes, "routes.toml", &options);
    let plan = loaded.plan.as_ref().expect("a plan");
    let source = &plan.sources["stripe"];
    let secret = signalpost::secret::Secret::new(CURRENT.as_bytes().to_vec());

    let command = ServeSettings::augment_args(Command::new("serve"));
    let flags = ["serve", "--ops-token", OPS];
    let matches = command.try_get_matches_from(flags).expect("flags");
    let settings = ServeSettings::from_arg_matches(&matches).expect("settings");
    let mut said = Said::default();
    said.add("Settings", format!("{settings:?}"));
    said.add(
        "Options",
        format!("{:?}", settings.options().expect("options")),
    );
    said.add("Secret", format!("{secret:?} {secret:#?}"));
    said.add("Source", format!("{source:?}"));
    said.add("Scheme", format!("{:#?}", source.proof));
    said.add("Loaded", format!("{loaded:?}"));
    let bytes = |text: &str| {
        let list = format!("{:?}", text.as_bytes());
        list.trim_matches(['[', ']']).to_owned()
    };
    let mut secrets = vec![OLD.to_owned(), CURRENT.to_owned(), OPS.to_owned()];
    secrets.extend([OLD, CURRENT, OPS].map(bytes));
    said.shows_none_of(&secrets);
}

/// Output and exit code of `serve` that cannot start.
fn refused(folder: &Path, routes: &str, environment: &[(&str, &str)]) -> (String, Option<i32>) {
    let file = folder.join("routes.toml");
    std::fs::write(&file, routes).expect("routes");
    let output = signalpost(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
    ])
    .args([
        Path::new("--routes"),
        &file,
        Path::new("--store"),
        &folder.join("store.db"),
    ])
    .envs(environment.iter().copied())
    .output()
    .expect("the binary runs");
    (
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.code(),
    )
}

#[test]
fn an_empty_or_undecodable_secret_is_unreadable_and_never_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = |provider: &str| {
        format!("[sources.a]\nprovider = \"{provider}\"\nsecrets = [\"env:HUSH_A\"]\n")
    };
    for (provider, value) in [
        ("stripe", None),
        ("stripe", Some("")),
        ("github", Some("")),
        ("standard-webhooks", Some("whsec_")),
        ("standard-webhooks", Some("whsec_hush-not-base64!")),
    ] {
        let environment: Vec<_> = value.map(|value| ("HUSH_A", value)).into_iter().collect();
        let (said, code) = refused(folder.path(), &source(provider), &environment);
        assert_eq!(code, Some(1), "{provider} {value:?}: {said}");
        assert!(said.contains("SP-C013"), "{provider} {value:?}: {said}");
        assert!(!said.contains("hush-not"), "{said}");
    }
    let (said, code) = refused(folder.path(), "[sources.a]\nprovider = \"none\"\n", &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("SP-C016") && said.contains("--allow-unverified"),
        "{said}"
    );
}
