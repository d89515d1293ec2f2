//! Auth0 log streams: the authorization token that you chose, in `Authorization`.
//!
//! A stream sends its logs as JSON Lines unless it is set to arrays or objects, all of them as `application/json`: `body` is
//! their list.

use super::{Batch, Confidence, Preset};
use crate::verify::BodyRule;

pub(super) static PRESET: Preset = Preset {
    name: "auth0",
    title: "Auth0 log streams",
    batch: Some(Batch {
        each: "body",
        key: Some("body.log_id"),
        kind: Some("body.data.type"),
    }),
    body: BodyRule::JsonLines,
    confidence: Confidence::Unconfirmed,
    source: "https://auth0.com/docs/customize/log-streams/custom-log-streams",
    setup: "Monitoring → Streams → the stream → Authorization token: the whole value of the header",
    ..Preset::AUTHORIZATION
};
