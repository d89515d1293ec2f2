//! Vercel: hex of HMAC-SHA-1 over the body. Vercel has nothing newer.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Algorithm, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "vercel",
    title: "Vercel",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-vercel-signature",
            algorithm: Algorithm::Sha1,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.id"),
    kind: Some("body.type"),
    horizon: Some(Duration::from_hours(24)),
    confidence: Confidence::ThirdParty,
    source: "https://vercel.com/docs/webhooks/webhooks-api",
    setup: "Team settings → Webhooks: shown once, when the webhook is made; for integrations the client secret",
    ..Preset::BASE
};
