//! ShipEngine, the API of ShipStation: RSA over `timestamp.body`, by a key of the vendor's set. Bodies are thin and have no id.

use super::{Confidence, Preset, SchemeSpec, days};
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
    horizon: Some(days(10)),
    confidence: Confidence::Documentation,
    source: "https://docs.shipstation.com/webhooks-validation",
    setup: "nothing: the vendor publishes its keys",
    ..Preset::BASE
};
