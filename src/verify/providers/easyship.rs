//! Easyship: an HS256 token in `X-EASYSHIP-SIGNATURE`. The body is not bound to it, and has no id and no time.
//!
//! A status that comes back has the very same body: repeats are known for as long as Easyship retries, and little longer.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::easyship;

pub(super) static PRESET: Preset = Preset {
    name: "easyship",
    title: "Easyship",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: easyship::build,
    },
    binds_body: false,
    kind: Some("body.event_type"),
    dedup: Some(Duration::from_hours(1)),
    horizon: Some(Duration::from_mins(30)),
    confidence: Confidence::Documentation,
    source: "https://developers.easyship.com/docs/webhooks-guide",
    setup: "Connect → Webhooks → your webhook: the secret key `webh_…`",
    words: Words {
        headers: &["x-easyship-signature"],
        algorithm: "HS256, a JSON Web Token",
        signed: "a token, and not the body",
        encoding: "JWT",
        key: "the webhook's secret, `webh_…`",
        ..Words::NONE
    },
    ..Preset::BASE
};
