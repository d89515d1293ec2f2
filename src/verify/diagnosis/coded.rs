//! Why the proof of a scheme that is code fails: another address, another query, another secret, or a body that was changed.
//!
//! The scheme itself judges each attempt, with the source's own secrets. One that fits says so by a yes, or by a no to
//! the time alone: that is looked at after the signature.

use super::super::verifier::{Moment, Verifier};
use super::super::{Refusal, Source, WebhookRequest};
use super::addresses::{self, Call};
use super::{Advice, Known, bodies, rebuilt};
use crate::clock::Timestamp;
use crate::token;

/// Bodies that are tried: some schemes take a tenth of a millisecond for each.
const MAX_BODIES: usize = 100;

pub(super) fn run(
    source: &Source,
    scheme: &dyn Verifier,
    request: &WebhookRequest,
    known: Known<'_>,
    now: Timestamp,
) -> Vec<Advice> {
    let moment = Moment {
        now,
        retention: source.dedup,
    };
    let own = scheme.address();
    if let Some(own) = &own {
        let advice = other_address(source, scheme, own, request, known, moment);
        if !advice.is_empty() {
            return advice;
        }
    }
    if let Some(advice) = rebuilt::run(source, request, known, moment) {
        return vec![advice];
    }
    let mut bodies = bodies::forms(&request.body).take(MAX_BODIES);
    let fits = bodies.find(|form| {
        let body = form.bytes.clone().into();
        holds(scheme, &with(request, &request.query, body), moment)
    });
    if let Some(form) = fits {
        return vec![Advice::new(form.cause, form.text)];
    }
    match own {
        Some(own) => vec![nothing(&own)],
        None if rebuilt::has_secret(source, known) => {
            vec![super::nothing(request, &Refusal::BadSignature)]
        }
        None => Vec::new(),
    }
}

/// Its times are looked at after the signature.
pub(super) fn holds(scheme: &dyn Verifier, request: &WebhookRequest, moment: Moment) -> bool {
    matches!(
        scheme.verify(request, moment),
        Ok(_)
            | Err(Refusal::Stale
                | Refusal::Future
                | Refusal::Token(token::Refusal::Expired | token::Refusal::NotYet))
    )
}

fn with(request: &WebhookRequest, query: &str, body: bytes::Bytes) -> WebhookRequest {
    WebhookRequest {
        method: request.method.clone(),
        query: query.to_owned(),
        bare_mark: request.bare_mark,
        headers: request.headers.clone(),
        peer: request.peer.clone(),
        body,
    }
}

fn other_address(
    source: &Source,
    scheme: &dyn Verifier,
    own: &str,
    request: &WebhookRequest,
    known: Known<'_>,
    moment: Moment,
) -> Vec<Advice> {
    let calls = addresses::calls(without_query(own), known.called, request);
    let found = calls.into_iter().find_map(|call| {
        let mark = if call.query.bare { "?" } else { "" };
        let address = format!("{}{mark}", call.address);
        let moved = scheme.moved(&address, &call.query.text)?;
        let request = with(request, &call.query.text, request.body.clone());
        holds(&*moved, &request, moment).then_some((call, moved.address()?))
    });
    found.map_or_else(Vec::new, |(call, signed)| {
        explained(&source.name, own, &call, &signed)
    })
}

/// What to change, and where. `signed`: as the scheme would have had to have it.
fn explained(name: &str, own: &str, call: &Call, signed: &str) -> Vec<Advice> {
    let ours = addresses::shown(own);
    let mut theirs = addresses::shown(&call.address);
    let moved = call.address != without_query(own);
    // A scheme that takes nothing of a query from the request has it in its address.
    let in_address = signed.contains('?') && !call.query.bare;
    let mut advice = Vec::new();
    if moved && theirs == ours {
        advice.push(Advice::new(
            "url_differs",
            format!("the signature matches for {theirs} with another name and password before its host, or with none: write `public_url` in `[sources.{name}]` as it is registered"),
        ));
    } else if moved {
        let process = process_url(name, &call.address);
        if in_address {
            theirs.push_str("?…");
        }
        advice.push(Advice::new(
            "url_differs",
            format!(
                "the signature matches for {theirs}, and this gateway thinks that its address is {ours}: set `public_url = \"{theirs}\"` in `[sources.{name}]`{process}"
            ),
        ));
    } else if signed != own && !call.query.bare {
        let query = match call.query.change {
            "" => "the query that the request came with",
            change => change,
        };
        return vec![Advice::new(
            "url_differs",
            format!(
                "the signature matches for {theirs} with {query}: write `public_url` in `[sources.{name}]` with its query to the letter as it is registered"
            ),
        )];
    }
    if !call.query.change.is_empty() {
        let change = call.query.change;
        advice.push(Advice::new(
            "url_query",
            format!(
                "the signature matches for {theirs} with {change}: something between provider and gateway changed the query, and must pass it on as it came; or register an address without one"
            ),
        ));
    }
    advice
}

fn without_query(address: &str) -> &str {
    address.split('?').next().unwrap_or_default()
}

/// The other place where the address may be set right.
fn process_url(name: &str, address: &str) -> String {
    let base = address.strip_suffix(&format!("/hooks/{name}"));
    base.map_or_else(String::new, |base| {
        let base = addresses::shown(base);
        format!(", or, where the source has none of its own, SIGNALPOST_PUBLIC_URL={base} for the process")
    })
}

fn nothing(own: &str) -> Advice {
    let ours = addresses::shown(own);
    Advice::new(
        "no_match",
        format!(
            "no address that was tried fits, nor a secret of this file, nor a body as it is commonly changed on its way: the provider must be given {ours} to the letter, and the secret must be that of this endpoint, in this mode (test, live)"
        ),
    )
}
