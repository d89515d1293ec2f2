//! Plaid: an ES256 token in `Plaid-Verification` that carries the hash of the body. Plaid hands out its keys one by one, to clients
//! with credentials: something of the operator's keeps them as a set, which `jwks` names.

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
    settings: &["jwks"],
    kind: Some("body.webhook_type + '.' + body.webhook_code"),
    horizon: Some(days(1)),
    confidence: Confidence::Documentation,
    source: "https://plaid.com/docs/api/webhooks/webhook-verification/",
    setup: "Plaid gives its keys to clients with credentials alone, one by one (`/webhook_verification_key/get`): have a job write \
            `{\"keys\": [each `key` of the answers]}` to a file, which is read again within seconds",
    words: Words {
        headers: &["plaid-verification"],
        algorithm: "ES256, a JSON Web Token",
        signed: "a token with the SHA-256 of {body} in it",
        encoding: "JWT",
        key: "the vendor's, by their ids",
        tolerance: Some(Duration::from_mins(5)),
    },
    example: &["jwks = \"file:/etc/signalpost/plaid-keys.json\""],
    ..Preset::BASE
};
