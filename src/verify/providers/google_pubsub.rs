//! Google Pub/Sub push: an OIDC token of the subscription's service account. The body is not bound to it.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::BodyRule;
use crate::verify::schemes::pubsub;

pub(super) static PRESET: Preset = Preset {
    name: "google-pubsub",
    title: "Google Pub/Sub",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: false,
        signed_headers: &[],
        build: pubsub::build,
    },
    binds_body: false,
    settings: &["audience", "service_account", "jwks", "public_url"],
    jwks: Some("https://www.googleapis.com/oauth2/v3/certs"),
    // Without the wrapper the metadata come as headers.
    key: Some(
        "'x-goog-pubsub-message-id' in headers ? headers['x-goog-pubsub-message-id'] : body.message.messageId",
    ),
    kind: Some("body.message.attributes.eventType"),
    body: BodyRule::ByMediaType,
    // As long as a topic may keep messages.
    horizon: Some(days(31)),
    confidence: Confidence::Library,
    source: "https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
    setup: "the push subscription → authentication: its service account, and its audience if one is set. With payload unwrapping, turn \
            on `Write metadata`, which is off at first: the id of a message comes in its headers then, and without it is nowhere",
    words: Words {
        headers: &["authorization"],
        algorithm: "RS256, a JSON Web Token",
        signed: "a token, and not the body",
        encoding: "JWT",
        key: "Google's, by their ids",
        ..Words::NONE
    },
    example: &[
        "audience = \"https://hooks.example.com/hooks/google-pubsub\"",
        "service_account = \"push@project.iam.gserviceaccount.com\"",
    ],
    ..Preset::BASE
};
