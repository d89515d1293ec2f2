//! Coinbase Commerce: hex over the body.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "coinbase-commerce",
    title: "Coinbase Commerce",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-cc-webhook-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.event.id"),
    kind: Some("body.event.type"),
    horizon: Some(days(3)),
    confidence: Confidence::Documentation,
    source: "https://docs.cdp.coinbase.com/commerce/docs/webhooks-security",
    setup: "Settings → Notifications → Webhook subscriptions → Show shared secret",
    ..Preset::BASE
};
