//! Adyen, payments: eight fields of each item are signed, inside the item. The others are free to forge.

use super::{Batch, Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::Adyen;

pub(super) static PRESET: Preset = Preset {
    name: "adyen",
    title: "Adyen (payments)",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Adyen::build,
    },
    binds_body: false,
    // Without `each` the key is a digest of the signed fields of all items.
    kind: Some(
        "body.notificationItems.all(item, item.NotificationRequestItem.eventCode \
         == body.notificationItems[0].NotificationRequestItem.eventCode) \
         ? body.notificationItems[0].NotificationRequestItem.eventCode : ''",
    ),
    batch: Some(Batch {
        each: "body.notificationItems",
        key: Some(
            "body.NotificationRequestItem.pspReference + ':' + body.NotificationRequestItem.eventCode \
             + ':' + body.NotificationRequestItem.success",
        ),
        kind: Some("body.NotificationRequestItem.eventCode"),
    }),
    horizon: Some(days(30)),
    confidence: Confidence::Library,
    source: "https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures/",
    setup: "Customer Area → Developers → Webhooks → the webhook, method JSON → HMAC key",
    words: Words {
        algorithm: "HMAC-SHA-256",
        signed: "eight fields of each item, by its `additionalData.hmacSignature`",
        encoding: "base64",
        key: "hex digits",
        ..Words::NONE
    },
    ..Preset::BASE
};
