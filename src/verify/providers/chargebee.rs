//! Chargebee: `Authorization: Basic`.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::credential::Credential;

pub(super) static PRESET: Preset = Preset {
    name: "chargebee",
    title: "Chargebee",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Credential::basic,
    },
    words: Words {
        headers: &["authorization"],
        algorithm: "none: a user and a password, compared in constant time",
        encoding: "base64 behind `Basic `",
        key: "`user:password`",
        ..Words::TOKEN
    },
    key: Some("body.id"),
    kind: Some("body.event_type"),
    confidence: Confidence::ThirdParty,
    source: "https://www.chargebee.com/docs/2.0/webhook_settings.html",
    setup: "Settings → Configure Chargebee → Webhooks → Basic authentication: `user:password` as one secret",
    ..Preset::TOKEN
};
