//! Shopify: base64 over the body, keyed with the app's client secret. Two families of headers, never mixed.
//!
//! The topic is not signed, and events of two topics may have byte-equal bodies (`orders/create`, `orders/paid`): where both are
//! subscribed, give each a source, or name a key.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::{Encoding, Names, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "shopify",
    title: "Shopify",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-shopify-hmac-sha256",
            encoding: Encoding::Base64,
            other: Some(Names {
                header: "shopify-hmac-sha256",
                id_header: None,
                timestamp: None,
            }),
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some(
        "'x-shopify-hmac-sha256' in headers ? headers['x-shopify-topic'] : headers['shopify-topic']",
    ),
    // A subscription may be set to XML.
    body: BodyRule::ByMediaType,
    horizon: Some(Duration::from_hours(4)),
    confidence: Confidence::Library,
    source: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    setup: "the app's settings → Client secret; for webhooks made in the admin: Settings → Notifications → Webhooks",
    ..Preset::BASE
};
