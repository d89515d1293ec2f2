//! HubSpot, signature version 3: base64 over method, address, body and time. Versions 1 and 2 are not taken.

use std::time::Duration;

use super::{Batch, Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::HubSpot;

pub(super) static PRESET: Preset = Preset {
    name: "hubspot",
    title: "HubSpot",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: true,
        signed_headers: &["x-hubspot-request-timestamp"],
        build: HubSpot::build,
    },
    settings: &["public_url"],
    // A list of events of any types; a workflow's webhook is one object without a type.
    kind: Some(
        "type(body) == list && body.all(item, item.subscriptionType == body[0].subscriptionType) \
         ? body[0].subscriptionType : ''",
    ),
    batch: Some(Batch {
        each: "body",
        // `eventId` alone is not promised to be unique; the number of the attempt changes with each.
        key: Some(
            "string(body.subscriptionId) + ':' + string(body.eventId) + ':' + string(body.occurredAt) \
             + (has(body.objectId) ? ':' + string(body.objectId) : '') \
             + (has(body.fromObjectId) ? ':' + string(body.fromObjectId) + ':' + string(body.toObjectId) : '') \
             + (has(body.messageId) ? ':' + string(body.messageId) : '')",
        ),
        kind: Some("body.subscriptionType"),
    }),
    horizon: Some(days(1)),
    confidence: Confidence::Library,
    source: "https://developers.hubspot.com/docs/api/webhooks/validating-requests",
    setup: "the app's Auth tab: Client secret; the target URL must be the one that is signed",
    words: Words {
        headers: &["x-hubspot-signature-v3", "x-hubspot-request-timestamp"],
        algorithm: "HMAC-SHA-256",
        signed: "method, address, {body}, {timestamp}",
        encoding: "base64",
        key: "the app's client secret",
        tolerance: Some(Duration::from_mins(5)),
    },
    example: &["public_url = \"https://hooks.example.com/hooks/hubspot\""],
    ..Preset::BASE
};
