//! Callers, rules and routes, the routing file that they make, and what is to be expected of each pair.

use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

use super::credentials::ISSUER;

/// What a token says of its bearer; an API key has no further claims.
pub(super) struct Caller {
    pub(super) name: &'static str,
    pub(super) roles: &'static [&'static str],
    pub(super) claims: Option<(&'static str, &'static str)>,
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

pub(super) const CALLERS: [Caller; 8] = [
    caller("nobody", &[], "us", "acme"),
    caller("guest", &["guest"], "eu", "acme"),
    caller("support-eu", &["support"], "eu", "acme"),
    caller("support-us", &["support"], "us", "other"),
    caller("ops", &["ops"], "us", "other"),
    caller("both", &["guest", "ops", "support"], "eu", "other"),
    caller("loud", &["SUPPORT", "support "], "eu", "acme"),
    caller("star", &["*"], "eu", "acme"),
];

pub(super) const KEYS: [Caller; 2] = [
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
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) issuer: &'static str,
    pub(super) allow: &'static [&'static str],
    pub(super) when: &'static str,
    pub(super) tokens: bool,
    pub(super) keys: bool,
    pub(super) holds: fn(&Caller) -> bool,
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

pub(super) const RULES: [Rule; 10] = [
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
pub(super) const TYPES: [(&str, &[&[&str]]); 4] = [
    ("open", &[]),
    ("support", &[&["support"]]),
    ("two", &[&["support"], &["ops"]]),
    ("anyone", &[&["*"]]),
];

pub(super) fn api_key(name: &str) -> String {
    let random: [u8; 32] = Sha256::digest(name).into();
    signalpost::token::api_keys::format(&random)
}

pub(super) fn routes() -> String {
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
        write!(
            text,
            "[keys.{}]\nhash = \"sha256:{hash}\"\nroles = {}\n",
            key.name,
            json!(key.roles)
        )
        .expect("text");
    }
    for rule in &RULES {
        write!(text, "[[queries]]\nname = \"{0}\"\npath = \"/{0}/{{tenant}}\"\nworkflow = \"w-${{path.tenant}}\"\nquery = \"q\"\n\
             issuer = {1}\nallow = {2}\n",
            rule.name,
            rule.issuer,
            json!(rule.allow)).expect("text");
        if !rule.when.is_empty() {
            writeln!(text, "when = \"{}\"", rule.when).expect("text");
        }
    }
    for (kind, allows) in TYPES {
        let count = allows.len().max(1);
        for at in 0..count {
            write!(text, "[[routes]]\nname = \"{kind}-{at}\"\nsource = \"people\"\non = \"{kind}\"\nworkflow = \"w\"\nsignal = \"s\"\n").expect("text");
            if let Some(allow) = allows.get(at) {
                writeln!(text, "allow = {}", json!(allow)).expect("text");
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
pub(super) fn expected_query(caller: &Caller, rule: &Rule, good: bool) -> u16 {
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

pub(super) fn expected_webhook(caller: &Caller, allows: &[&[&str]], good: bool) -> u16 {
    if !good {
        401
    } else if allows.is_empty() || allows.iter().any(|allow| has_role(caller, allow)) {
        200
    } else {
        403
    }
}
