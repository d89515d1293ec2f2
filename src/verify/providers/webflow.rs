//! Webflow: hex over `timestamp:body`, the time in milliseconds.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "webflow",
    title: "Webflow",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-webflow-signature",
            signed: "{timestamp}:{body}",
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("x-webflow-timestamp"),
            unit: Unit::Millis,
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    kind: Some("body.triggerType"),
    dedup: Some(days(10)),
    confidence: Confidence::Code,
    source: "https://developers.webflow.com/data/docs/working-with-webhooks",
    setup: "the OAuth app's client secret; for webhooks made with a site token, the `secretKey` answered when it was made",
    ..Preset::BASE
};
