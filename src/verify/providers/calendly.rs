//! Calendly: `t=<s>,v1=<hex>` over `t.body`.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Layout, Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "calendly",
    title: "Calendly",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "calendly-webhook-signature",
            layout: Layout::Tagged {
                separator: ',',
                assign: '=',
                tag: "v1",
            },
            signed: "{timestamp}.{body}",
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Tag("t"),
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_mins(3)),
        }),
    },
    kind: Some("body.event"),
    horizon: Some(Duration::from_hours(24)),
    confidence: Confidence::ThirdParty,
    source: "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
    setup: "the `signing_key` that you gave when you made the webhook subscription",
    ..Preset::BASE
};
