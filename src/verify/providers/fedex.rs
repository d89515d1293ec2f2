//! FedEx: base64 over the body of Advanced Integrated Visibility.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "fedex",
    title: "FedEx",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "fdx-signature",
            encoding: Encoding::Base64,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    confidence: Confidence::Documentation,
    source: "https://developer.fedex.com/api/en-us/guides/webhookguide.html",
    setup: "the security token that you entered for the webhook's project in the FedEx Developer Portal",
    ..Preset::BASE
};
