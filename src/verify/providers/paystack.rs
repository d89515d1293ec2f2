//! Paystack: hex of HMAC-SHA-512 over the body, keyed with the API's secret key.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Algorithm, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "paystack",
    title: "Paystack",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-paystack-signature",
            algorithm: Algorithm::Sha512,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.event"),
    horizon: Some(Duration::from_hours(72)),
    confidence: Confidence::ThirdParty,
    source: "https://paystack.com/docs/payments/webhooks/",
    setup: "Settings → API Keys & Webhooks → Secret key: `sk_…`",
    ..Preset::BASE
};
