//! An event that a gateway has kept, explained by the routing file at hand.
//!
//! It was proven when it came. Its signature is checked again where what proves it was kept as sent; credentials are
//! kept as fingerprints, which prove nothing.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::captured::Captured;
use super::step::Step;
use super::webhook::{Explanation, Ground};
use crate::cli::events::Kept;
use crate::event::{DedupKey, Event};
use crate::verify::{self, Source, examine};

pub(super) fn explain(ground: Ground<'_>, kept: Kept) -> Result<Explanation, String> {
    let Some(source) = ground.plan.sources.get(kept.source.as_str()) else {
        return Err(format!(
            "the event came to the source `{}`, which the routing file no longer has",
            kept.source
        ));
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &kept.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&kept.query)
        .finish();
    let captured = Captured {
        method: Method::POST,
        path: format!("/hooks/{}", kept.source),
        origin: String::new(),
        query: (!kept.query.is_empty()).then_some(query),
        headers,
        body: kept.body.clone(),
        notes: Vec::new(),
    };
    let ground = Ground {
        now: kept.received_at,
        ..ground
    };
    let mut explanation = Explanation::new();
    let at = kept.received_at.to_rfc3339();
    let text = format!("{}, accepted at {at}", kept.id);
    explanation.steps.push(Step::well("kept", text));
    let proof = if kept.is_item {
        Step::aside(
            "proof",
            "not checked again: it is one of several events of a request, and the proof was the whole's",
        )
    } else {
        again(ground, source, &captured)
    };
    explanation.steps.push(proof);
    let event = event(source, &captured, kept)?;
    let result = explanation.route(ground, source, &event, None);
    explanation.end(result, source.answers);
    Ok(explanation)
}

/// The proof once more, by the config of now and the clock of then.
fn again(ground: Ground<'_>, source: &Source, captured: &Captured) -> Step {
    if !examine::is_kept(source) {
        return Step::aside(
            "proof",
            "it cannot be checked again: what proved it is a credential, of which only a fingerprint is kept",
        );
    }
    if ground.plan.secrets_missing.contains(&source.name) {
        return Step::aside("proof", "not checked again: its secret is not at hand here");
    }
    let request = captured.request();
    match verify::authenticate(source, &request, ground.now) {
        Ok(_) => Step::well("proof", "holds again, by the routing file at hand"),
        Err(refusal) => Step::aside(
            "proof",
            format!("it held then, and not by the routing file at hand: {refusal}"),
        ),
    }
}

/// As a replay would route it: what it was when it came.
fn event(source: &Source, captured: &Captured, kept: Kept) -> Result<Event, String> {
    let content = examine::content(source, &captured.headers, &kept.body)
        .map_err(|refusal| format!("the event is not read by this routing file: {refusal}"))?;
    Ok(Event {
        id: kept.id,
        source: Arc::clone(&source.name),
        key: DedupKey {
            text: kept.key,
            digest: false,
            retention: source.dedup,
            strict: false,
        },
        kind: kept.kind,
        received_at: kept.received_at,
        peer: String::new(),
        headers: kept.headers,
        query: kept.query,
        claims: kept.claims,
        body: kept.body,
        content,
        secret: None,
        item: None,
    })
}
