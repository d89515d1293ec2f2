//! PayPal: RSA over the transmission's id and time, the webhook's id and a CRC of the body, by a certificate that the request names.
//!
//! A CRC is no hash: whoever sees one request can make another body with the same sum.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::paypal;

pub(super) static PRESET: Preset = Preset {
    name: "paypal",
    title: "PayPal",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &["paypal-transmission-id", "paypal-transmission-time"],
        build: paypal::build,
    },
    binds_body: false,
    settings: &["webhook_id", "certificates", "roots"],
    key: Some("has(body.id) ? body.id : headers['paypal-transmission-id']"),
    kind: Some("body.event_type"),
    horizon: Some(days(3)),
    confidence: Confidence::Library,
    source: "https://docs.paypal.ai/developer/tools/webhooks/verify-webhook-signature",
    setup: "developer dashboard → your app → Webhooks: the webhook's id",
    words: Words {
        headers: &[
            "paypal-transmission-sig",
            "paypal-transmission-id",
            "paypal-transmission-time",
            "paypal-cert-url",
            "paypal-auth-algo",
        ],
        algorithm: "RSA PKCS#1 v1.5, SHA-256, by a certificate",
        signed: "id, time, `webhook_id` and the CRC-32 of {body}",
        encoding: "base64",
        key: "the certificate that the request names, at PayPal's hosts alone",
        ..Words::NONE
    },
    example: &["webhook_id = \"your-webhook-id\""],
    ..Preset::BASE
};
