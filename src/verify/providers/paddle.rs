//! Paddle: `ts=<s>;h1=<hex>` over `ts:body`. Several `h1` stand side by side while a secret is rotated.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{Layout, Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "paddle",
    title: "Paddle",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "paddle-signature",
            layout: Layout::Tagged {
                separator: ';',
                assign: '=',
                tag: "h1",
            },
            signed: "{timestamp}:{body}",
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Tag("ts"),
            unit: Unit::Seconds,
            // Its own library allows 5 s, which no queue before us keeps.
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    key: Some("body.event_id"),
    kind: Some("body.event_type"),
    horizon: Some(days(3)),
    confidence: Confidence::Library,
    source: "https://developer.paddle.com/webhooks/signature-verification",
    setup: "Developer tools → Notifications → the destination → Secret key: `pdl_ntfset_…`",
    ..Preset::BASE
};
