//! Plaid: an ES256 token in `Plaid-Verification` that carries the hash of the body. Plaid hands out its keys one by one, to clients
//! with credentials: it is asked with those of the source, or something of the operator's keeps a set, which `jwks` names.
//!
//! Bodies have no id, and those of two events are often the same (`TRANSFER_EVENTS_UPDATE` always): the key is a digest of what
//! was signed, which holds the time.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::body_token;

pub(super) static PRESET: Preset = Preset {
    name: "plaid",
    title: "Plaid",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &[],
        build: body_token::plaid,
    },
    settings: &["client_id", "environment", "jwks"],
    kind: Some("body.webhook_type + '.' + body.webhook_code"),
    digest_of: "what is signed, its time with it",
    horizon: Some(days(1)),
    confidence: Confidence::Documentation,
    source: "https://plaid.com/docs/api/webhooks/webhook-verification/",
    setup: "Dashboard → Developers → Keys: `client_id`, and as `secrets` the secret of the environment that sends. Plaid is asked for \
            each key by its id; where nothing may call out: a `jwks` with each `key` of `/webhook_verification_key/get`. With Plaid's addresses as \
            `allow_ips` no stranger can have it asked, 20 times a minute at most, for keys that there are not",
    words: Words {
        headers: &["plaid-verification"],
        algorithm: "ES256, a JSON Web Token",
        signed: "a token with the SHA-256 of {body} in it",
        encoding: "JWT",
        key: "the client's secret: the vendor's keys are asked for with it, by their ids",
        tolerance: Some(Duration::from_mins(5)),
    },
    example: &[
        "client_id = \"env:PLAID_CLIENT_ID\"",
        "secrets = [\"env:PLAID_SECRET\"]",
    ],
    ..Preset::BASE
};
