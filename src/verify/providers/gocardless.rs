//! GoCardless: hex over the body, which holds a batch of events. A bad signature is answered with 498.

use super::{Batch, Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "gocardless",
    title: "GoCardless",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "webhook-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("has(body.meta) && has(body.meta.webhook_id) ? body.meta.webhook_id : null"),
    batch: Some(Batch {
        each: "body.events",
        key: Some("body.id"),
        kind: Some("body.resource_type + '.' + body.action"),
    }),
    confidence: Confidence::Library,
    source: "https://developer.gocardless.com/api-reference/#webhooks-overview",
    setup: "Developers → Webhook endpoints → the endpoint → Secret",
    ..Preset::BASE
};
