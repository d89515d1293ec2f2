//! Shippo: `t=<s>,v1=<hex>` over `t.body`. Shippo signs only for those who asked for it by mail.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{Layout, Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "shippo",
    title: "Shippo",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "shippo-auth-signature",
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
            tolerance: None,
        }),
    },
    kind: Some("body.event"),
    dedup: Some(days(10)),
    confidence: Confidence::ThirdParty,
    source: "https://docs.goshippo.com/docs/tracking/webhooksecurity/",
    setup: "Shippo's support sends it once you have asked for HMAC",
    ..Preset::BASE
};
