//! WooCommerce: base64 over the body. The topic is not signed; the ping of a new webhook is a form without signature,
//! and a handshake.
//!
//! Events of two topics may have byte-equal bodies: where both are wanted, give each a source, or name a key.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "woocommerce",
    title: "WooCommerce",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-wc-webhook-signature",
            encoding: Encoding::Base64,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("headers['x-wc-webhook-topic']"),
    body: BodyRule::ByMediaType,
    confidence: Confidence::Code,
    source: "https://woocommerce.com/document/webhooks/",
    setup: "WooCommerce → Settings → Advanced → Webhooks → the webhook → Secret",
    ..Preset::BASE
};
