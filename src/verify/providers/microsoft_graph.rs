//! Microsoft Graph change notifications: the client state of the subscription in every item, and tokens of Entra's beside resource
//! data; nothing binds the body.
//!
//! Items have no id, and the next change of a drive reads like the last one, byte for byte: repeats are known for ten minutes, as
//! where a token is all the proof, and not for the four hours in which Graph retries.

use std::time::Duration;

use super::{Batch, Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::graph;

pub(super) static PRESET: Preset = Preset {
    name: "microsoft-graph",
    title: "Microsoft Graph",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: graph::build,
    },
    binds_body: false,
    settings: &["audience", "jwks"],
    jwks: Some("https://login.microsoftonline.com/common/discovery/v2.0/keys"),
    kind: Some(
        "has(body.value[0].lifecycleEvent) ? body.value[0].lifecycleEvent : body.value[0].changeType",
    ),
    batch: Some(Batch {
        each: "body.value",
        key: None,
        kind: Some("has(body.lifecycleEvent) ? body.lifecycleEvent : body.changeType"),
    }),
    dedup: Some(Duration::from_mins(10)),
    confidence: Confidence::Documentation,
    source: "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
    setup: "the `clientState` that you give when the subscription is made. With resource data, say `audience`, the id of your \
            application in Entra: the tokens that come along are then checked. Requests without resource data carry no token and \
            rest on the client state alone. What is encrypted stays so: your worker holds the key",
    words: Words {
        algorithm: "none: a token, compared in constant time",
        signed: "nothing",
        encoding: "as it is",
        key: "the client state, which stands in each item of the body; with `audience`, Entra's keys for `validationTokens` too",
        ..Words::NONE
    },
    ..Preset::BASE
};
