//! Zoom: `v0=<hex>` over `v0:timestamp:body`.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "zoom",
    title: "Zoom",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-zm-signature",
            prefix: "v0=",
            signed: "v0:{timestamp}:{body}",
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("x-zm-request-timestamp"),
            unit: Unit::Seconds,
            tolerance: None,
        }),
    },
    kind: Some("body.event"),
    dedup: Some(days(10)),
    confidence: Confidence::Library,
    source: "https://developers.zoom.us/docs/api/webhooks/",
    setup: "App Marketplace → the app → Features → Access → Secret Token",
    ..Preset::BASE
};
