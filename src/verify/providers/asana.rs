//! Asana: hex over the body, which holds a batch of events; an empty one is a heartbeat.
//!
//! The secret is handed over by Asana when a webhook is made, and belongs to that webhook alone.

use super::{Batch, Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "asana",
    title: "Asana",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hook-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    batch: Some(Batch {
        each: "body.events",
        key: None,
        kind: Some("body.action"),
    }),
    confidence: Confidence::Documentation,
    source: "https://developers.asana.com/docs/webhooks-guide",
    setup: "Asana sends it when the webhook is made (`X-Hook-Secret`)",
    ..Preset::BASE
};
