//! Atlassian Connect (Jira, Confluence): an HS256 token per installation over method, path and query. The body is not bound.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::connect;

pub(super) static PRESET: Preset = Preset {
    name: "atlassian-connect",
    title: "Atlassian Connect",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: connect::build,
    },
    binds_body: false,
    settings: &["client_key", "public_url"],
    // Of Jira, of a lifecycle, of Confluence.
    kind: Some(
        "has(body.webhookEvent) ? body.webhookEvent : has(body.eventType) ? body.eventType : body.event",
    ),
    horizon: Some(days(10)),
    confidence: Confidence::Library,
    source: "https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/",
    setup: "`sharedSecret` and `clientKey` of the `installed` callback, which your app takes itself: the secret in its body would stay \
            in the workflow's history; `public_url` without the path of the app's base URL",
    words: Words {
        headers: &["authorization"],
        algorithm: "HS256, a JSON Web Token",
        signed: "method, path and query, and not the body",
        encoding: "JWT",
        key: "the shared secret of the installation",
        ..Words::NONE
    },
    example: &[
        "client_key = \"your-client-key\"",
        "public_url = \"https://hooks.example.com/hooks/atlassian-connect\"",
    ],
    ..Preset::BASE
};
