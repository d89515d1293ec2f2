//! Datadog: no scheme: a custom header that you define for the webhook, named by the source.

use super::{Confidence, Preset, Words, days};
use crate::verify::BodyRule;

pub(super) static PRESET: Preset = Preset {
    name: "datadog",
    title: "Datadog",
    words: Words {
        headers: &["the one that `header` names"],
        ..Words::TOKEN
    },
    settings: &["header", "prefix"],
    example: &["header = \"X-Datadog-Token\""],
    key: Some("has(body.id) ? body.id : null"),
    kind: Some("has(body.event_type) ? body.event_type : ''"),
    body: BodyRule::ByMediaType,
    dedup: Some(days(10)),
    confidence: Confidence::Unconfirmed,
    source: "https://docs.datadoghq.com/integrations/webhooks/",
    setup: "Integrations → Webhooks → the webhook → Custom headers: a header of your choice with the token; keep `\"id\": \"$ID\"` in the payload",
    ..Preset::TOKEN
};
