//! Contentful, webhooks and apps: hex over method, path, the listed headers and the body.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::BodyRule;
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
    // A webhook's transformation may send a form.
    body: BodyRule::ByMediaType,
    confidence: Confidence::Library,
    source: "https://www.contentful.com/developers/docs/webhooks/request-verification/",
    setup: "Settings → Webhooks → Settings: the signing secret; of an app: its Security tab",
    words: Words {
        headers: &[
            "x-contentful-signature",
            "x-contentful-timestamp",
            "x-contentful-signed-headers",
        ],
        algorithm: "HMAC-SHA-256",
        signed: "method, path, the headers that it lists, {body}",
        encoding: "hex",
        key: "the signing secret, 64 characters",
        tolerance: Some(Duration::from_mins(5)),
    },
    example: &["public_url = \"https://hooks.example.com/hooks/contentful\""],
    ..Preset::BASE
};
