//! Each caller × each rule × each way to send a credential, against the real binary, none left out; and the record of
//! all of it, which holds no secret.
//!
//! What is expected is computed here, from the tables alone: nothing of the gateway's own code takes part.

mod credentials;

use std::collections::HashMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::audit::lines;
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::NO_TEMPORAL;
use crate::support::sender;
use credentials::{Draft, FAULTS, ISSUER, KEY_FAULTS, Sent, Signers};

/// What a token says of its bearer; an API key has no further claims.
struct Caller {
    name: &'static str,
    roles: &'static [&'static str],
    claims: Option<(&'static str, &'static str)>,
}

const fn caller(
    name: &'static str,
    roles: &'static [&'static str],
    region: &'static str,
    tenant: &'static str,
) -> Caller {
    Caller {
        name,
        roles,
        claims: Some((region, tenant)),
    }
}

const CALLERS: [Caller; 8] = [
    caller("nobody", &[], "us", "acme"),
    caller("guest", &["guest"], "eu", "acme"),
    caller("support-eu", &["support"], "eu", "acme"),
    caller("support-us", &["support"], "us", "other"),
    caller("ops", &["ops"], "us", "other"),
    caller("both", &["guest", "ops", "support"], "eu", "other"),
    caller("loud", &["SUPPORT", "support "], "eu", "acme"),
    caller("star", &["*"], "eu", "acme"),
];

const KEYS: [Caller; 2] = [
    Caller {
        name: "bot",
        roles: &["support"],
        claims: None,
    },
    Caller {
        name: "cron",
        roles: &["guest"],
        claims: None,
    },
];

/// What somebody needs: a role, and that the rest holds.
struct Rule {
    name: &'static str,
    issuer: &'static str,
    allow: &'static [&'static str],
    when: &'static str,
    tokens: bool,
    keys: bool,
    holds: fn(&Caller) -> bool,
}

const fn rule(
    name: &'static str,
    allow: &'static [&'static str],
    when: &'static str,
    holds: fn(&Caller) -> bool,
) -> Rule {
    Rule {
        name,
        issuer: r#""corp""#,
        allow,
        when,
        tokens: true,
        keys: false,
        holds,
    }
}

fn always(_: &Caller) -> bool {
    true
}

fn is_eu(caller: &Caller) -> bool {
    caller.claims.is_some_and(|(region, _)| region == "eu")
}

/// The path that is asked for is always of this tenant.
fn is_acme(caller: &Caller) -> bool {
    caller.claims.is_some_and(|(_, tenant)| tenant == "acme")
}

fn is_ops(caller: &Caller) -> bool {
    caller.roles.contains(&"ops")
}

const RULES: [Rule; 10] = [
    rule("any", &["*"], "", always),
    rule("support", &["support"], "", always),
    rule("either", &["support", "ops"], "", always),
    rule("eu", &["*"], "claims.region == 'eu'", is_eu),
    rule("tenant", &["*"], "claims.tenant == path.tenant", is_acme),
    rule(
        "ops-or-eu",
        &["support", "ops"],
        "'ops' in roles || claims.region == 'eu'",
        |caller| is_ops(caller) || is_eu(caller),
    ),
    rule("nowhere", &["*"], "claims.no.such == 1", |_| false),
    rule("shouted", &["SUPPORT"], "", always),
    Rule {
        issuer: r#""keys""#,
        tokens: false,
        keys: true,
        ..rule("machines", &["support"], "", always)
    },
    Rule {
        issuer: r#"["corp", "keys"]"#,
        keys: true,
        ..rule("both", &["support"], "size(roles) < 3", |caller| {
            caller.roles.len() < 3
        })
    },
];

/// Routes of one event type each, and whom they are for.
const TYPES: [(&str, &[&[&str]]); 4] = [
    ("open", &[]),
    ("support", &[&["support"]]),
    ("two", &[&["support"], &["ops"]]),
    ("anyone", &[&["*"]]),
];

/// Stands in every body.
const CANARY: &str = "body-canary-7f3a";

fn api_key(name: &str) -> String {
    let random: [u8; 32] = Sha256::digest(name).into();
    signalpost::token::api_keys::format(&random)
}

fn routes() -> String {
    let mut text = format!(
        r#"
[issuers.corp]
issuer     = "{ISSUER}"
audience   = "signalpost"
jwks       = "file:FOLDER/jwks.json"
algorithms = ["EdDSA"]
roles      = "claims.roles"

[sources.people]
provider = "jwt"
issuer   = "corp"
event    = {{ type = "body.kind" }}

[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]
"#
    );
    for key in &KEYS {
        let hash = hex::encode(Sha256::digest(api_key(key.name)));
        text.push_str(&format!(
            "[keys.{}]\nhash = \"sha256:{hash}\"\nroles = {}\n",
            key.name,
            json!(key.roles)
        ));
    }
    for rule in &RULES {
        text.push_str(&format!(
            "[[queries]]\nname = \"{0}\"\npath = \"/{0}/{{tenant}}\"\nworkflow = \"w-${{path.tenant}}\"\nquery = \"q\"\n\
             issuer = {1}\nallow = {2}\n",
            rule.name,
            rule.issuer,
            json!(rule.allow)
        ));
        if !rule.when.is_empty() {
            text.push_str(&format!("when = \"{}\"\n", rule.when));
        }
    }
    for (kind, allows) in TYPES {
        let count = allows.len().max(1);
        for at in 0..count {
            text.push_str(&format!(
                "[[routes]]\nname = \"{kind}-{at}\"\nsource = \"people\"\non = \"{kind}\"\nworkflow = \"w\"\nsignal = \"s\"\n"
            ));
            if let Some(allow) = allows.get(at) {
                text.push_str(&format!("allow = {}\n", json!(allow)));
            }
        }
    }
    text
}

fn has_role(caller: &Caller, allow: &[&str]) -> bool {
    allow
        .iter()
        .any(|role| *role == "*" || caller.roles.contains(role))
}

/// A caller who may ask is told that Temporal is away.
fn expected_query(caller: &Caller, rule: &Rule, good: bool) -> u16 {
    let trusted = if caller.claims.is_some() {
        rule.tokens
    } else {
        rule.keys
    };
    if !good || !trusted {
        401
    } else if has_role(caller, rule.allow) && (rule.holds)(caller) {
        503
    } else {
        403
    }
}

fn expected_webhook(caller: &Caller, allows: &[&[&str]], good: bool) -> u16 {
    if !good {
        401
    } else if allows.is_empty() || allows.iter().any(|allow| has_role(caller, allow)) {
        200
    } else {
        403
    }
}

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
