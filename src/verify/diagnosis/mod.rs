//! Why a proof fails: tries what commonly goes wrong between a provider and a gateway, and names what would have
//! matched.
//!
//! Pure, and for `explain` and `test` alone: `serve` never calls it, for each answer here would help a forger. Bounded
//! by [`MAX_TRIALS`] hashes. No secret and no signature stands in an advice, only references and names.

mod bodies;
mod headers;
mod json;
mod secrets;
mod signatures;
mod times;
mod trials;

#[cfg(test)]
mod tests;

use super::{Proof, Refusal, Source, WebhookRequest};
use crate::clock::Timestamp;
use crate::secret::Secret;

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

/// What is known beside the request: the other sources of the file, and every secret that it names.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub sources: &'a [&'a Source],
    pub secrets: &'a [Candidate],
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
    let Proof::Signature(scheme) = &source.proof else {
        return headers::of_token(request, refusal);
    };
    match refusal {
        Refusal::Stale | Refusal::Future => times::judge(source, scheme, request, now),
        Refusal::DuplicateHeader(name) => vec![Advice::new(
            "header_twice",
            format!("`{name}` stands twice: a proxy adds its own copy, or two middlewares sign"),
        )],
        Refusal::Encoding => vec![Advice::new(
            "body_encoded",
            "the signature holds, and the body is still compressed: have whatever compresses it (a proxy, the sender's client) send it plain",
        )],
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
            advice
        }
        _ => Vec::new(),
    }
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
