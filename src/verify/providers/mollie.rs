//! Mollie: hex over the body of next-generation webhooks, behind an optional `sha256=`. Several copies may stand.
//!
//! Classic webhooks (a form, `id=tr_…`) are not signed: they are refused here.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Copies, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "mollie",
    title: "Mollie",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-mollie-signature",
            copies: Copies::Several,
            prefix: "sha256=",
            bare: true,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("has(body.id) ? body.id : null"),
    kind: Some("body.type"),
    horizon: Some(Duration::from_hours(26)),
    confidence: Confidence::Code,
    source: "https://docs.mollie.com/reference/webhooks-new",
    setup: "Developers → Webhooks → the webhook → Signing secret. Classic webhooks, set per payment, are unsigned: a next-generation one is needed",
    ..Preset::BASE
};
