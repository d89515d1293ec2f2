//! Stripe: `t=<s>,v1=<hex>` over `t.body`, keyed with the whole `whsec_…` text.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{Layout, Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "stripe",
    title: "Stripe",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "stripe-signature",
            // After a secret is rolled, two `v1` stand side by side for up to a day.
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
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    key: Some("body.id"),
    kind: Some("body.type"),
    horizon: Some(days(3)),
    confidence: Confidence::Library,
    source: "https://docs.stripe.com/webhooks",
    setup: "Developers → Webhooks → the endpoint → Signing secret: `whsec_…`",
    ..Preset::BASE
};
