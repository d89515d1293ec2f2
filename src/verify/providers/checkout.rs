//! Checkout.com: hex over the body.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "checkout",
    title: "Checkout.com",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "cko-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.id"),
    kind: Some("body.type"),
    horizon: Some(Duration::from_hours(30)),
    confidence: Confidence::Documentation,
    source: "https://www.checkout.com/docs/developer-resources/webhooks/receive-webhooks",
    setup: "Developers → Workflows → the webhook → Signature key",
    ..Preset::BASE
};
