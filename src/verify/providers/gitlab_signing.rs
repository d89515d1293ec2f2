//! GitLab, signing token: Standard Webhooks: a list `v1,<base64> …` over `id.timestamp.body`.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::{
    Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};

pub(super) static PRESET: Preset = Preset {
    name: "gitlab-signing",
    title: "GitLab, signing token",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "webhook-signature",
            layout: Layout::Tagged {
                separator: ' ',
                assign: ',',
                tag: "v1",
            },
            copies: Copies::Several,
            encoding: Encoding::Base64,
            signed: "{id}.{timestamp}.{body}",
            id_header: Some("webhook-id"),
            key_form: KeyForm::Whsec,
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("webhook-timestamp"),
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    key: Some("headers['webhook-id']"),
    kind: Some("has(body.object_kind) ? body.object_kind : body.event_name"),
    dedup: Some(days(10)),
    confidence: Confidence::Documentation,
    source: "https://docs.gitlab.com/user/project/integrations/webhooks/",
    setup: "Settings → Webhooks → the webhook → Signing token: `whsec_…`",
    ..Preset::BASE
};
