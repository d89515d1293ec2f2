//! Square: base64 over the registered address and the body.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::schemes::Square;

pub(super) static PRESET: Preset = Preset {
    name: "square",
    title: "Square",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Square::build,
    },
    settings: &["public_url"],
    key: Some("body.event_id"),
    kind: Some("body.type"),
    horizon: Some(days(3)),
    confidence: Confidence::Library,
    source: "https://developer.squareup.com/docs/webhooks/step3validate",
    setup: "Developer Console → Webhooks → Subscriptions → Signature key; the notification URL there is what is signed",
    ..Preset::BASE
};
