//! Amazon SNS: RSA over certain fields of the message, by a certificate that the message names. `MessageAttributes` and
//! `UnsubscribeURL` are not among them, so that the body is not bound whole.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::sns;

pub(super) static PRESET: Preset = Preset {
    name: "aws-sns",
    title: "Amazon SNS",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &[],
        build: sns::build,
    },
    binds_body: false,
    settings: &["topics", "certificates"],
    key: Some("body.MessageId"),
    kind: Some(
        "body.Type == 'Notification' && has(body.Subject) && body.Subject != null ? body.Subject : body.Type",
    ),
    horizon: Some(days(10)),
    confidence: Confidence::Library,
    source: "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
    setup: "the topic's ARN; subscribe the address with the raw message delivery off",
    words: Words {
        algorithm: "RSA PKCS#1 v1.5, SHA-1 or SHA-256, by a certificate",
        signed: "message, id, subject, time, topic and type, which stand in the body with the signature",
        encoding: "base64",
        key: "the certificate that the message names, at Amazon's hosts alone",
        ..Words::NONE
    },
    example: &["topics = [\"arn:aws:sns:eu-west-1:123456789012:orders\"]"],
    ..Preset::BASE
};
