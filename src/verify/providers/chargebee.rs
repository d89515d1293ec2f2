//! Chargebee: `Authorization: Basic`.

use super::{Confidence, Preset};

pub(super) static PRESET: Preset = Preset {
    name: "chargebee",
    title: "Chargebee",
    key: Some("body.id"),
    kind: Some("body.event_type"),
    confidence: Confidence::ThirdParty,
    source: "https://www.chargebee.com/docs/2.0/webhook_settings.html",
    setup: "Settings → Configure Chargebee → Webhooks → Basic authentication: `user:password` as one secret",
    ..Preset::BASIC
};
