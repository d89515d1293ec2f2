//! Adyen for platforms: base64 over the body, keyed with the bytes of a hex key.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{Encoding, KeyForm, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "adyen-platform",
    title: "Adyen for platforms",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "hmacsignature",
            encoding: Encoding::Base64,
            key_form: KeyForm::Hex,
            pinned: Some(("protocol", "HmacSHA256")),
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.type"),
    horizon: Some(days(30)),
    confidence: Confidence::Library,
    source: "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/",
    setup: "Customer Area → Developers → Webhooks → the webhook → HMAC key. It spreads slowly: keep the old one for a while",
    ..Preset::BASE
};
