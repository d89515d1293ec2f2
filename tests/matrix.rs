//! Each caller × each rule × each way to send a credential, against the real binary, none left out; and the record of
//! all of it, which holds no secret.
//!
//! What is expected is computed here, from the tables alone: nothing of the gateway's own code takes part.

mod credentials;
mod tables;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::audit::lines;
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::NO_TEMPORAL;
use crate::support::sender;
use credentials::{Draft, FAULTS, KEY_FAULTS, Sent, Signers};
use tables::{
    CALLERS, Caller, KEYS, RULES, Rule, TYPES, api_key, expected_query, expected_webhook, routes,
};

/// Stands in every body.
const CANARY: &str = "body-canary-7f3a";

/// The gateway, everything that was sent to it, and what the record must say.
struct Run {
    gateway: Gateway,
    client: reqwest::Client,
    signers: Signers,
    secrets: Vec<String>,
    /// By request id: outcome and who.
    told: HashMap<String, (&'static str, String)>,
    wrong: Vec<String>,
}

impl Run {
    async fn start() -> Self {
        let signers = Signers::new();
        let gateway = Setup::new(&routes(), NO_TEMPORAL)
            .env("SECRET", sender::STRIPE_SECRET)
            .file("jwks.json", &signers.jwks())
            .flag("--audit", "file:FOLDER/audit.log")
            .flag("--auth-failures", "off")
            .flag("--log", "debug")
            .start()
            .await;
        Self {
            gateway,
            client: reqwest::Client::new(),
            signers,
            secrets: vec![sender::STRIPE_SECRET.to_owned(), CANARY.to_owned()],
            told: HashMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Sends it, and notes what does not fit.
    async fn send(
        &mut self,
        what: &str,
        request: reqwest::RequestBuilder,
        sent: Sent,
        who: &str,
        expected: u16,
    ) {
        let request = sent.authorization.iter().fold(request, |request, value| {
            request.header("authorization", value)
        });
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let id = response.headers()["x-request-id"]
            .to_str()
            .expect("an id")
            .to_owned();
        let text = response.text().await.expect("a body");
        if status != expected {
            self.wrong
                .push(format!("{what}: {status} instead of {expected}: {text}"));
        }
        if sent
            .secrets
            .iter()
            .any(|secret| text.contains(secret.as_str()))
        {
            self.wrong
                .push(format!("{what}: a secret came back: {text}"));
        }
        self.secrets.extend(sent.secrets);
        let outcome = match expected {
            200 => "accepted",
            503 => "failed",
            _ => "refused",
        };
        let who = if expected == 401 { "127.0.0.1" } else { who };
        self.told.insert(id, (outcome, who.to_owned()));
    }

    fn draft(&self, caller: &Caller) -> Draft<'_> {
        let (region, tenant) = caller.claims.expect("a token's claims");
        let claims = json!({ "sub": caller.name, "roles": caller.roles, "region": region, "tenant": tenant });
        Draft::new(&self.signers, &claims)
    }

    async fn query(&mut self, rule: &Rule, caller: &Caller, fault: &str, sent: Sent, good: bool) {
        let what = format!("{} asks by {}, fault: {fault}", caller.name, rule.name);
        let url = format!("{}/{}/acme{}", self.gateway.public(), rule.name, sent.query);
        let issuer = if caller.claims.is_some() {
            "corp"
        } else {
            "keys"
        };
        let who = format!("{issuer}:{}", caller.name);
        let expected = expected_query(caller, rule, good);
        let request = self.client.get(url);
        self.send(&what, request, sent, &who, expected).await;
    }

    async fn webhook(&mut self, kind: &str, allows: &[&[&str]], caller: &Caller, at: usize) {
        let (fault, good, make) = FAULTS[at];
        let sent = make(self.draft(caller));
        let what = format!("{} sends {kind}, fault: {fault}", caller.name);
        let url = format!("{}/hooks/people{}", self.gateway.public(), sent.query);
        let body = json!({ "kind": kind, "fault": fault, "canary": CANARY });
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let who = format!("corp:{}", caller.name);
        self.send(
            &what,
            request,
            sent,
            &who,
            expected_webhook(caller, allows, good),
        )
        .await;
    }

    /// One line for each request, saying what was answered and to whom; no secret in it, nor in the log.
    fn check_record(&self) {
        let path = self.gateway.folder().join("audit.log");
        let record = lines(&path);
        assert_eq!(record.len(), self.told.len(), "one line for each access");
        for line in &record {
            let id = line["request"].as_str().expect("a request id");
            let (outcome, who) = self.told.get(id).expect("a request of ours");
            assert_eq!(
                (&line["outcome"], &line["who"]),
                (&json!(outcome), &json!(who)),
                "{line}"
            );
            assert_fields(line);
        }
        let text = std::fs::read_to_string(&path).expect("the record");
        let log = self.gateway.log();
        for secret in &self.secrets {
            assert!(!text.contains(secret.as_str()), "the record holds {secret}");
            assert!(!log.contains(secret.as_str()), "the log holds {secret}");
        }
    }
}

fn assert_fields(line: &Value) {
    const KNOWN: [&str; 10] = [
        "target", "time", "request", "action", "outcome", "who", "source", "query", "workflow",
        "reason",
    ];
    let fields = line.as_object().expect("an object");
    assert!(
        fields.keys().all(|name| KNOWN.contains(&name.as_str())),
        "{line}"
    );
    assert!(fields.values().all(Value::is_string), "{line}");
    assert_eq!(line["target"], "audit");
    let time = line["time"].as_str().expect("a time");
    assert!(signalpost::clock::Timestamp::parse_rfc3339(time).is_some());
}

#[tokio::test]
async fn each_caller_each_rule_each_fault_and_a_record_without_secrets() {
    let mut run = Run::start().await;
    for rule in &RULES {
        for caller in &CALLERS {
            for (fault, good, make) in FAULTS {
                let sent = make(run.draft(caller));
                run.query(rule, caller, fault, sent, *good).await;
            }
        }
        for caller in &KEYS {
            for (fault, good, make) in KEY_FAULTS {
                let sent = make(&api_key(caller.name));
                run.query(rule, caller, fault, sent, *good).await;
            }
        }
    }
    for (kind, allows) in TYPES {
        for caller in &CALLERS {
            for at in 0..FAULTS.len() {
                run.webhook(kind, allows, caller, at).await;
            }
        }
    }
    let shown = run
        .wrong
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        run.wrong.is_empty(),
        "{} are wrong:\n{shown}",
        run.wrong.len()
    );

    let queries = RULES.len() * (CALLERS.len() * FAULTS.len() + KEYS.len() * KEY_FAULTS.len());
    let webhooks = TYPES.len() * CALLERS.len() * FAULTS.len();
    assert_eq!(run.told.len(), queries + webhooks, "none is left out");
    assert_eq!(
        (queries, webhooks),
        (2_400, 896),
        "the tables have shrunk or grown"
    );
    run.check_record();
}
