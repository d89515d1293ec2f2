//! Contentful, webhooks and apps: hex over method, path, the listed headers and the body.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::schemes::Contentful;

pub(super) static PRESET: Preset = Preset {
    name: "contentful",
    title: "Contentful",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: true,
        // Others only where the sender lists them.
        signed_headers: &["x-contentful-timestamp", "x-contentful-signed-headers"],
        build: Contentful::build,
    },
    settings: &["public_url"],
    kind: Some("headers['x-contentful-topic']"),
    confidence: Confidence::Library,
    source: "https://www.contentful.com/developers/docs/webhooks/request-verification/",
    setup: "Settings → Webhooks → Settings: the signing secret; of an app: its Security tab",
    ..Preset::BASE
};
