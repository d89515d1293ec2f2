//! AfterShip: base64 over the body. Tracking only: other products of AfterShip sign in another way.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "aftership",
    title: "AfterShip",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "aftership-hmac-sha256",
            encoding: Encoding::Base64,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.event_id"),
    kind: Some("body.event"),
    confidence: Confidence::Documentation,
    source: "https://www.aftership.com/docs/tracking/webhook/webhook-signature",
    setup: "Settings → Notifications → Webhooks → Webhook secret",
    ..Preset::BASE
};
