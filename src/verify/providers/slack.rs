//! Slack: `v0=<hex>` over `v0:timestamp:body`. Commands and interactions come as forms.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::{Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "slack",
    title: "Slack",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-slack-signature",
            prefix: "v0=",
            signed: "v0:{timestamp}:{body}",
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("x-slack-request-timestamp"),
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    key: Some("has(body.event_id) ? body.event_id : null"),
    kind: Some("has(body.event) ? body.event.type : has(body.type) ? body.type : body.command"),
    body: BodyRule::ByContent,
    confidence: Confidence::Library,
    source: "https://docs.slack.dev/authentication/verifying-requests-from-slack/",
    setup: "api.slack.com → the app → Basic Information → Signing Secret",
    ..Preset::BASE
};
