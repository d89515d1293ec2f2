//! GitHub: `sha256=<hex>` over the body. No time is signed, and the id stands in an unsigned header.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::BodyRule;
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "github",
    title: "GitHub",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hub-signature-256",
            prefix: "sha256=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("headers['x-github-event'] + (has(body.action) ? '.' + body.action : '')"),
    // A hook may be set to send forms: the bytes as sent are what is signed.
    body: BodyRule::ByMediaType,
    dedup: Some(days(90)),
    confidence: Confidence::Library,
    source: "https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
    setup: "repository or organization settings → Webhooks → Secret: the one you entered",
    ..Preset::BASE
};
