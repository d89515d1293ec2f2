//! GitLab, secret token: the secret itself in `X-Gitlab-Token`. `gitlab-signing` proves the body as well: prefer it where GitLab offers it.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::credential::Credential;

pub(super) static PRESET: Preset = Preset {
    name: "gitlab",
    title: "GitLab, secret token",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: |given| Credential::token(given, Some("x-gitlab-token")),
    },
    words: Words {
        headers: &["x-gitlab-token"],
        ..Words::TOKEN
    },
    key: Some("'idempotency-key' in headers ? headers['idempotency-key'] : null"),
    kind: Some("has(body.object_kind) ? body.object_kind : body.event_name"),
    confidence: Confidence::Documentation,
    source: "https://docs.gitlab.com/user/project/integrations/webhooks/",
    setup: "Settings → Webhooks → the webhook → Secret token: the one you entered",
    ..Preset::TOKEN
};
