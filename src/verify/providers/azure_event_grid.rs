//! Azure Event Grid: a secret of yours, sent as `Authorization: Bearer` (a delivery property) or as `?token=` of the address. A body
//! is a list of events, or one event in the CloudEvents schema; nothing binds it.
//!
//! Tokens of Entra are not this scheme's: `provider = "jwt"` with Entra as issuer judges them, and with
//! `handshake = "azure-event-grid"` is asked and answers like this one.

use super::{Batch, Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::carried_token;

pub(super) static PRESET: Preset = Preset {
    name: "azure-event-grid",
    title: "Azure Event Grid",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: carried_token::event_grid,
    },
    binds_body: false,
    kind: Some(
        "type(body) == list ? (has(body[0].eventType) ? body[0].eventType : body[0].type) : body.type",
    ),
    batch: Some(Batch {
        each: "type(body) == list ? body : [body]",
        key: Some("body.id"),
        kind: Some("has(body.eventType) ? body.eventType : body.type"),
    }),
    horizon: Some(days(1)),
    confidence: Confidence::Unconfirmed,
    source: "https://learn.microsoft.com/azure/event-grid/security-authentication",
    setup: "a secret that you make up: a delivery property `Authorization: Bearer …`, marked secret, or `?token=…` in the endpoint. \
            Deliveries with tokens of Entra: `provider = \"jwt\"`, its `issuer`, and `handshake = \"azure-event-grid\"`",
    words: Words {
        headers: &["authorization, or `token` of the query"],
        algorithm: "none: a token, compared in constant time",
        signed: "nothing",
        encoding: "as it is",
        key: "the token",
        ..Words::NONE
    },
    ..Preset::BASE
};
