//! UPS Track Alert: the credential that you gave, in the header `credential`.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::credential::Credential;

pub(super) static PRESET: Preset = Preset {
    name: "ups",
    title: "UPS Track Alert",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: |given| Credential::token(given, Some("credential")),
    },
    words: Words {
        headers: &["credential"],
        ..Words::TOKEN
    },
    settings: &["header", "prefix"],
    confidence: Confidence::Unconfirmed,
    source: "https://developer.ups.com/api/reference/trackalert",
    setup: "the `credential` of your subscription request",
    ..Preset::TOKEN
};
