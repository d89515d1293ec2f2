//! LINE: base64 over the body, which holds a batch of events, and none where LINE tests the address.
//!
//! A redelivery says so in the body: a lone event has its own id as key.

use super::{Batch, Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "line",
    title: "LINE",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-line-signature",
            encoding: Encoding::Base64,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some(
        "size(body.events) == 1 && has(body.events[0].webhookEventId) ? body.events[0].webhookEventId : null",
    ),
    batch: Some(Batch {
        each: "body.events",
        key: Some("body.webhookEventId"),
        kind: Some("body.type"),
    }),
    confidence: Confidence::Library,
    source: "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
    setup: "LINE Developers Console → the channel → Basic settings → Channel secret",
    ..Preset::BASE
};
