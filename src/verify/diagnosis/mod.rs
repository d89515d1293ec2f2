//! Why a proof fails: tries what commonly goes wrong between a provider and a gateway, and names what would have
//! matched.
//!
//! Pure, and for `explain` and `test` alone: `serve` never calls it, for each answer here would help a forger. Bounded
//! by [`MAX_TRIALS`] hashes. No secret and no signature stands in an advice, only references and names.

mod addresses;
mod bodies;
mod coded;
mod headers;
mod json;
mod rebuilt;
mod secrets;
mod signatures;
mod times;
mod trials;

#[cfg(test)]
mod tests;

use super::verifier::Verifier;
use super::{Proof, Refusal, Source, WebhookRequest};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token;

/// Hashes for one diagnosis at most.
pub const MAX_TRIALS: usize = 600;

/// A secret that the routing file names.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub source: String,
    /// As the file writes it: `env:NAME`, `file:/path`.
    pub reference: String,
    pub secret: Secret,
}

/// What was most likely wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// A constant, for programs.
    pub cause: &'static str,
    pub text: String,
}

impl Advice {
    fn new(cause: &'static str, text: impl Into<String>) -> Self {
        Self {
            cause,
            text: text.into(),
        }
    }
}

/// What is known beside the request: the other sources of the file, every secret that it names, and what was called.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub sources: &'a [&'a Source],
    pub secrets: &'a [Candidate],
    /// Path or whole address without its query, as a capture has it; empty where nobody knows.
    pub called: &'a str,
}

/// Most likely first; never empty for a signature that does not match.
#[must_use]
pub fn diagnose(
    source: &Source,
    request: &WebhookRequest,
    refusal: &Refusal,
    known: Known<'_>,
    now: Timestamp,
) -> Vec<Advice> {
    let scheme = match &source.proof {
        Proof::Signature(scheme) => scheme,
        Proof::Scheme(scheme) => {
            return of_scheme(source, &**scheme, request, refusal, known, now);
        }
        Proof::Token { .. } | Proof::None => return headers::of_token(request, refusal),
    };
    match refusal {
        Refusal::Stale | Refusal::Future => times::judge(source, scheme, request, now),
        Refusal::DuplicateHeader(name) => vec![twice(name)],
        Refusal::Encoding => vec![bodies::of_encoding(request)],
        Refusal::MissingHeader(_) | Refusal::Malformed(_) | Refusal::BadSignature => {
            let mut advice = trials::run(source, scheme, request, known);
            if advice.is_empty() {
                advice = headers::of_signature(source, scheme, request, refusal, known);
            }
            if advice.is_empty() {
                advice.extend(times::unreadable(scheme, request, refusal));
            }
            if advice.is_empty() {
                advice.push(nothing(request, refusal));
            }
            if *refusal == Refusal::BadSignature {
                advice.extend(bodies::may_be_unpacked(request, &advice));
            }
            advice
        }
        _ => Vec::new(),
    }
}

/// For a scheme that is code.
fn of_scheme(
    source: &Source,
    scheme: &dyn Verifier,
    request: &WebhookRequest,
    refusal: &Refusal,
    known: Known<'_>,
    now: Timestamp,
) -> Vec<Advice> {
    match refusal {
        Refusal::BadSignature | Refusal::Token(token::Refusal::BadSignature) => {
            let mut advice = coded::run(source, scheme, request, known, now);
            advice.extend(bodies::may_be_unpacked(request, &advice));
            advice
        }
        Refusal::Stale | Refusal::Future => times::found(source, scheme, request, now),
        Refusal::MissingHeader(name) => vec![headers::missing(name, request)],
        Refusal::DuplicateHeader(name) => vec![twice(name)],
        Refusal::Encoding => vec![bodies::of_encoding(request)],
        Refusal::Token(_) => headers::of_token(request, refusal),
        _ => Vec::new(),
    }
}

fn twice(name: &str) -> Advice {
    Advice::new(
        "header_twice",
        format!("`{name}` stands twice: a proxy adds its own copy, or two middlewares sign"),
    )
}

/// When no trial matched.
fn nothing(request: &WebhookRequest, refusal: &Refusal) -> Advice {
    if let Refusal::Malformed(name) = refusal {
        return Advice::new(
            "header_malformed",
            format!(
                "`{name}` is not written as the scheme says, and nothing in it matches in another form: it was cut off or changed on its way, or it is another version's"
            ),
        );
    }
    if request.body.is_empty() {
        return Advice::new(
            "body_empty",
            "the body is empty: something between provider and gateway read it and passed none on, such as a redirect that turned POST into GET, or a body parser",
        );
    }
    Advice::new(
        "no_match",
        "no secret of this file matches, whole or in another form, over the body as it is or as it is commonly changed on its way: the secret is most likely that of another endpoint, or of another mode (test, live), or it was rotated at the provider; else the body was changed in a way that is not tried here",
    )
}
