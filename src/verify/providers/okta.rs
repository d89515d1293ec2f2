//! Okta event hooks: the value that you chose, in `Authorization` unless the hook names another header. Okta signs nothing.

use super::{Batch, Confidence, Preset};

pub(super) static PRESET: Preset = Preset {
    name: "okta",
    title: "Okta event hooks",
    key: Some("body.eventId"),
    kind: Some("body.eventType"),
    batch: Some(Batch {
        each: "body.data.events",
        key: Some("body.uuid"),
        kind: Some("body.eventType"),
    }),
    confidence: Confidence::Documentation,
    source: "https://developer.okta.com/docs/concepts/event-hooks/",
    setup: "Workflow → Event Hooks → the hook → Authentication secret: the whole value of the header",
    ..Preset::AUTHORIZATION
};
