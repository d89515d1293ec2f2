//! Intercom: `sha1=<hex>` over the body, keyed with the app's client secret. Intercom has nothing newer than SHA-1.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Algorithm, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "intercom",
    title: "Intercom",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hub-signature",
            algorithm: Algorithm::Sha1,
            prefix: "sha1=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("has(body.id) ? body.id : null"),
    kind: Some("body.topic"),
    confidence: Confidence::Documentation,
    source: "https://developers.intercom.com/docs/webhooks/webhook-notifications",
    setup: "Developer Hub → the app → Basic information → Client secret",
    ..Preset::BASE
};
