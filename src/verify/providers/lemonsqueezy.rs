//! Lemon Squeezy: hex over the body.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "lemonsqueezy",
    title: "Lemon Squeezy",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.meta.event_name"),
    confidence: Confidence::Documentation,
    source: "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
    setup: "Settings → Webhooks → the webhook → Signing secret: the one you entered (6 to 40 characters: take 40)",
    ..Preset::BASE
};
