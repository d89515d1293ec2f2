//! X: `sha256=<base64>` over the body, keyed with the OAuth 2.0 client secret under one name, with the consumer secret under
//! the other.
//!
//! Which of the two an app has, and so which headers come, is X's to say: each header counts with each of the secrets.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Copies, Encoding, Names, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "x",
    title: "X",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-twitter-webhooks-signature-oauth2",
            copies: Copies::Either,
            encoding: Encoding::Base64,
            prefix: "sha256=",
            other: Some(Names {
                header: "x-twitter-webhooks-signature",
                id_header: None,
                timestamp: None,
            }),
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    // An activity says its type; of the older account events a member's name is one.
    kind: Some(
        "has(body.data) ? body.data.event_type : \
         body.filter(name, name.endsWith('_events') || name in ['user_event', 'replay_job_status'])[0]",
    ),
    confidence: Confidence::ThirdParty,
    source: "https://docs.x.com/x-api/webhooks/introduction",
    setup: "Developer Console → the app → Keys and tokens: the OAuth 2.0 client secret, which signs the first header; of an app \
            without one the consumer secret (API key secret), which signs the second. The first of `secrets` answers the challenge: \
            the client secret, where there is one",
    ..Preset::BASE
};
