//! Auth0 log streams: the authorization token that you chose, in `Authorization`.

use super::{Batch, Confidence, Preset, SchemeSpec, Words};
use crate::verify::BodyRule;
use crate::verify::schemes::credential::Credential;

pub(super) static PRESET: Preset = Preset {
    name: "auth0",
    title: "Auth0 log streams",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: |given| Credential::token(given, Some("authorization")),
    },
    words: Words {
        headers: &["authorization"],
        ..Words::TOKEN
    },
    settings: &["header", "prefix"],
    batch: Some(Batch {
        each: "body",
        key: Some("body.log_id"),
        kind: Some("body.data.type"),
    }),
    body: BodyRule::ByMediaType,
    confidence: Confidence::Unconfirmed,
    source: "https://auth0.com/docs/customize/log-streams/custom-log-streams",
    setup: "Monitoring → Streams → the stream → Authorization token: the whole value of the header",
    ..Preset::TOKEN
};
