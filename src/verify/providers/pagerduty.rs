//! PagerDuty: a list `v1=<hex>,…` over the body; other versions are skipped. A 4xx ends redelivery.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Copies, Layout, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "pagerduty",
    title: "PagerDuty",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-pagerduty-signature",
            layout: Layout::Tagged {
                separator: ',',
                assign: '=',
                tag: "v1",
            },
            copies: Copies::Several,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.event.id"),
    kind: Some("body.event.event_type"),
    confidence: Confidence::Code,
    source: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
    setup: "shown once, when the webhook subscription is made",
    ..Preset::BASE
};
