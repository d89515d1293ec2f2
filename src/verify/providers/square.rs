//! Square: base64 over the registered address and the body.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::Square;

pub(super) static PRESET: Preset = Preset {
    name: "square",
    title: "Square",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Square::build,
    },
    settings: &["public_url"],
    key: Some("body.event_id"),
    kind: Some("body.type"),
    horizon: Some(days(3)),
    confidence: Confidence::Library,
    source: "https://developer.squareup.com/docs/webhooks/step3validate",
    setup: "Developer Console → Webhooks → Subscriptions → Signature key; the notification URL there is what is signed",
    words: Words {
        headers: &["x-square-hmacsha256-signature"],
        algorithm: "HMAC-SHA-256",
        signed: "address as registered, then {body}",
        encoding: "base64",
        key: "the subscription's signature key",
        ..Words::NONE
    },
    example: &["public_url = \"https://hooks.example.com/hooks/square\""],
    ..Preset::BASE
};
