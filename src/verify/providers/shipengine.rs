//! ShipEngine, the API of ShipStation: RSA over `timestamp.body`, by a key of the vendor's set. Bodies are thin and have no id:
//! the key is a digest of what was signed, which holds the time.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::shipengine;

pub(super) static PRESET: Preset = Preset {
    name: "shipengine",
    title: "ShipEngine",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &["x-shipengine-timestamp"],
        build: shipengine::build,
    },
    settings: &["jwks"],
    jwks: Some("https://api.shipengine.com/jwks"),
    kind: Some("body.resource_type"),
    digest_of: "what is signed, its time with it",
    horizon: Some(days(10)),
    confidence: Confidence::Documentation,
    source: "https://docs.shipstation.com/webhooks-validation",
    setup: "nothing: the vendor publishes its keys",
    words: Words {
        headers: &[
            "x-shipengine-rsa-sha256-signature",
            "x-shipengine-rsa-sha256-key-id",
            "x-shipengine-timestamp",
        ],
        algorithm: "RSA PKCS#1 v1.5, SHA-256",
        signed: "{timestamp}.{body}",
        encoding: "base64",
        key: "the vendor's, by their ids",
        tolerance: Some(Duration::from_mins(5)),
    },
    ..Preset::BASE
};
