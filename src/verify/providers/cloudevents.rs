//! CloudEvents over HTTP: a secret of yours, sent as `Authorization: Bearer` or as `?access_token=`. Nothing binds the event to it.
//!
//! An event comes in headers beside its data, as one JSON document, or as a list of those. A list that is taken whole goes by
//! its first and last event.

use super::{Batch, Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::BodyRule;
use crate::verify::schemes::carried_token;

pub(super) static PRESET: Preset = Preset {
    name: "cloudevents",
    title: "CloudEvents",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: carried_token::cloudevents,
    },
    binds_body: false,
    key: Some(
        "'ce-id' in headers ? headers['ce-source'] + ' ' + headers['ce-id'] : type(body) == list ? (size(body) == 0 ? null : body[0].source + ' ' + body[0].id + ' ' + body[size(body) - 1].id + ' ' + string(size(body))) : body.source + ' ' + body.id",
    ),
    kind: Some(
        "'ce-type' in headers ? headers['ce-type'] : type(body) == list ? body[0].type : body.type",
    ),
    batch: Some(Batch {
        each: "!('ce-id' in headers) && type(body) == list ? body : [body]",
        key: Some(
            "'ce-id' in headers ? headers['ce-source'] + ' ' + headers['ce-id'] : body.source + ' ' + body.id",
        ),
        kind: Some("'ce-type' in headers ? headers['ce-type'] : body.type"),
    }),
    body: BodyRule::ByMediaType,
    horizon: Some(days(10)),
    confidence: Confidence::Documentation,
    source: "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
    setup: "a token that you agree on with the sender",
    words: Words {
        headers: &["authorization, or `access_token` of the query"],
        algorithm: "none: a token, compared in constant time",
        signed: "nothing",
        encoding: "as it is",
        key: "the token",
        ..Words::NONE
    },
    ..Preset::BASE
};
