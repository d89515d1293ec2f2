//! Razorpay: hex over the body. After a change of the secret old events still come with the old one.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "razorpay",
    title: "Razorpay",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-razorpay-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.event"),
    horizon: Some(Duration::from_hours(24)),
    confidence: Confidence::Library,
    source: "https://razorpay.com/docs/webhooks/validate-test/",
    setup: "Account & Settings → Webhooks → the webhook → Secret. After a change keep the old one beside it for a day",
    ..Preset::BASE
};
