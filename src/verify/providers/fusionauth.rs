//! FusionAuth: a token in `X-FusionAuth-Signature-JWT` that carries the hash of the body, by a key that its JWKS publishes or by a
//! shared HMAC key.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::body_token;

pub(super) static PRESET: Preset = Preset {
    name: "fusionauth",
    title: "FusionAuth",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: false,
        signed_headers: &[],
        build: body_token::fusionauth,
    },
    settings: &["jwks"],
    key: Some("body.event.id"),
    kind: Some("body.event.type"),
    horizon: Some(days(10)),
    confidence: Confidence::ThirdParty,
    source: "https://fusionauth.io/docs/extend/events-and-webhooks/signing",
    setup: "`https://your.fusionauth/.well-known/jwks.json` as `jwks`; an HMAC key: its secret under Settings → Key Master",
    words: Words {
        headers: &["x-fusionauth-signature-jwt"],
        algorithm: "a JSON Web Token, its algorithm by the key",
        signed: "a token with the SHA-256 of {body} in it",
        encoding: "JWT",
        key: "`jwks` of the instance, or `secrets` for HS256",
        ..Words::NONE
    },
    example: &["jwks = \"https://fusionauth.example.com/.well-known/jwks.json\""],
    ..Preset::BASE
};
