//! GitLab, signing token: Standard Webhooks: a list `v1,<base64> …` over `id.timestamp.body`.

use super::{Confidence, Preset, SchemeSpec, days, standard_webhooks};

pub(super) static PRESET: Preset = Preset {
    name: "gitlab-signing",
    title: "GitLab, signing token",
    scheme: SchemeSpec::Signature {
        signature: standard_webhooks::SIGNATURE,
        timestamp: Some(standard_webhooks::TIMESTAMP),
    },
    key: Some("headers['webhook-id']"),
    kind: Some("has(body.object_kind) ? body.object_kind : body.event_name"),
    dedup: Some(days(10)),
    confidence: Confidence::Documentation,
    source: "https://docs.gitlab.com/user/project/integrations/webhooks/",
    setup: "Settings → Webhooks → the webhook → Signing token: `whsec_…`",
    ..Preset::BASE
};
