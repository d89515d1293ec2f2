//! SendGrid's Event Webhook: ECDSA P-256 over `timestamp` and `body`, one after the other. The body is a list of events and ends
//! in CRLF, which is signed too.

use super::{Batch, Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::public_keys;
use crate::verify::spec::{
    Algorithm, Encoding, KeyForm, Place, SignatureSpec, TimestampSpec, Unit,
};

const SIGNATURE: SignatureSpec<'static> = SignatureSpec {
    header: "x-twilio-email-event-webhook-signature",
    algorithm: Algorithm::EcdsaP256,
    encoding: Encoding::Base64,
    key_form: KeyForm::Base64,
    signed: "{timestamp}{body}",
    ..SignatureSpec::BODY
};

const TIMESTAMP: TimestampSpec<'static> = TimestampSpec {
    place: Place::Header("x-twilio-email-event-webhook-timestamp"),
    unit: Unit::Seconds,
    tolerance: None,
};

pub(super) static PRESET: Preset = Preset {
    name: "sendgrid",
    title: "SendGrid",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &["x-twilio-email-event-webhook-timestamp"],
        build: |given| public_keys::build(&SIGNATURE, Some(TIMESTAMP), given),
    },
    settings: &["public_keys"],
    batch: Some(Batch {
        each: "body",
        // Some events of (un)subscribing have none.
        key: Some("has(body.sg_event_id) ? body.sg_event_id : null"),
        kind: Some("body.event"),
    }),
    horizon: Some(days(1)),
    confidence: Confidence::Library,
    source: "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
    setup: "Settings → Mail Settings → Event Webhook → Signature Verification: the verification key",
    words: Words {
        headers: &[
            "x-twilio-email-event-webhook-signature",
            "x-twilio-email-event-webhook-timestamp",
        ],
        algorithm: "ECDSA P-256, SHA-256",
        signed: "{timestamp}{body}",
        encoding: "base64 of DER",
        key: "the verification key, base64 of DER",
        ..Words::NONE
    },
    example: &["public_keys = [\"env:SENDGRID_PUBLIC_KEY\"]"],
    ..Preset::BASE
};
