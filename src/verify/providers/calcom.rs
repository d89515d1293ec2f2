//! Cal.com: hex over the body.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "calcom",
    title: "Cal.com",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-cal-signature-256",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.triggerEvent"),
    // A payload template that is no JSON is sent as a form.
    body: BodyRule::ByMediaType,
    confidence: Confidence::Code,
    source: "https://cal.com/docs/developing/guides/automation/webhooks",
    setup: "Settings → Developer → Webhooks → the webhook → Secret: the one you entered",
    ..Preset::BASE
};
