//! Braintree: a form with XML in it, signed under the SHA-1 of the private key. `body` is what the XML says.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::BodyRule;
use crate::verify::schemes::Braintree;

pub(super) static PRESET: Preset = Preset {
    name: "braintree",
    title: "Braintree",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Braintree::build,
    },
    settings: &["public_key_id"],
    // There is no id: the key is a digest of the XML, which holds kind, time and subject.
    kind: Some("body.kind"),
    body: BodyRule::Braintree,
    horizon: Some(days(1)),
    confidence: Confidence::Library,
    source: "https://developer.paypal.com/braintree/docs/guides/webhooks/parse/",
    setup: "Control Panel → API → Keys: the private key; its public key is `public_key_id`",
    words: Words {
        algorithm: "HMAC-SHA-1, keyed with the key's SHA-1",
        signed: "`bt_payload` of the form, by `bt_signature`",
        encoding: "hex behind the public key",
        key: "the private key",
        ..Words::NONE
    },
    example: &["public_key_id = \"your-public-key\""],
    ..Preset::BASE
};
