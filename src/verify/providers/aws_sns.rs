//! Amazon SNS: RSA over certain fields of the message, by a certificate that the message names. `MessageAttributes` and
//! `UnsubscribeURL` are not among them, so that the body is not bound whole.

use super::{Confidence, Preset, SchemeSpec, days};
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
    ..Preset::BASE
};
