//! Requests by which a provider asks whether this endpoint is ours, instead of telling us an event.
//!
//! A handshake is answered and audited, and never becomes an event. Pure: what it says is a value ([`Reply`]), `server`
//! answers. Where the provider signs it, its proof is judged first (`proven`); what carries no proof
//! (`unproven`) is answered with nothing that could stand for one: whatever we sign for a stranger has a form
//! that no event has.

mod proven;
mod subscribe;
#[cfg(test)]
mod tests;
mod unproven;

use std::path::PathBuf;

use serde_json::Value;

use super::hmac::Key;
use super::spec::Algorithm;
use crate::rate::Rate;
use crate::secret::Secret;

/// Longest challenge that is answered.
const MAX_CHALLENGE: usize = 1024;

/// Which handshake a provider makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// The secret comes in the first request.
    Asana,
    Braintree,
    /// OPTIONS with the sender's origin.
    CloudEvents,
    Discord,
    Dropbox,
    EventGrid,
    /// An empty body.
    Fedex,
    /// HEAD, answered 200.
    Head,
    Line,
    Meta,
    MicrosoftGraph,
    Okta,
    Slack,
    /// A subscription to be confirmed at the sender's.
    Sns,
    Wise,
    /// A form that only counts the webhook.
    WooCommerce,
    X,
    Zoom,
}

/// By the provider's name, in alphabetical order.
const ALL: [(&str, Handshake); 19] = [
    ("asana", Handshake::Asana),
    ("aws-sns", Handshake::Sns),
    ("azure-event-grid", Handshake::EventGrid),
    ("braintree", Handshake::Braintree),
    ("cloudevents", Handshake::CloudEvents),
    ("discord", Handshake::Discord),
    ("docusign", Handshake::Head),
    ("dropbox", Handshake::Dropbox),
    ("fedex", Handshake::Fedex),
    ("intercom", Handshake::Head),
    ("line", Handshake::Line),
    ("meta", Handshake::Meta),
    ("microsoft-graph", Handshake::MicrosoftGraph),
    ("okta", Handshake::Okta),
    ("slack", Handshake::Slack),
    ("wise", Handshake::Wise),
    ("woocommerce", Handshake::WooCommerce),
    ("x", Handshake::X),
    ("zoom", Handshake::Zoom),
];

/// Of the provider with this name, if it makes one.
#[must_use]
pub fn of(provider: &str) -> Option<Handshake> {
    let found = ALL.iter().find(|(name, _)| *name == provider);
    found.map(|(_, handshake)| *handshake)
}

/// Names of all providers that make one.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

impl Handshake {
    /// As an `Allow` header says it.
    #[must_use]
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Braintree | Self::Dropbox | Self::Meta | Self::Okta | Self::X => "GET, POST",
            Self::CloudEvents | Self::EventGrid => "OPTIONS, POST",
            Self::Head => "HEAD, POST",
            _ => "POST",
        }
    }

    /// It is answered with what the scheme's own secret signs, or brings that secret.
    #[must_use]
    pub const fn needs_secret(self) -> bool {
        matches!(self, Self::Asana | Self::Braintree | Self::X | Self::Zoom)
    }

    /// What the provider asks and is answered, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Asana => {
                "the POST with `X-Hook-Secret` that registers a webhook brings the secret: run `signalpost handshake open SOURCE` \
                 first; it is echoed, and written to the `file:` of `secrets`, which must not be there yet"
            }
            Self::Braintree => {
                "GET `?bt_challenge=…`: answered with `public_key_id` and the signed challenge"
            }
            Self::CloudEvents => {
                "OPTIONS with `WebHook-Request-Origin`: answered with `WebHook-Allowed-Origin`, and the source's `rate` as \
                 `WebHook-Allowed-Rate`"
            }
            Self::Discord => {
                "a signed PING: answered `{\"type\":1}`, or 204 to that of webhook events"
            }
            Self::Dropbox => "GET `?challenge=…`: echoed as plain text",
            Self::EventGrid => {
                "a POST of type SubscriptionValidation that carries the token: answered with `validationResponse`; in the \
                 CloudEvents schema, OPTIONS with `WebHook-Request-Origin`"
            }
            Self::Fedex => "a POST without a body: answered 200",
            Self::Head => "HEAD: answered 200",
            Self::Line => "a signed POST without events: answered 200",
            Self::Meta => {
                "GET `?hub.challenge=…`: echoed if its `hub.verify_token` is the source's `verify_token`, which you enter there too"
            }
            Self::MicrosoftGraph => "POST `?validationToken=…`: echoed as plain text",
            Self::Okta => "GET with `X-Okta-Verification-Challenge`: answered as `verification`",
            Self::Slack => "a signed POST of type `url_verification`: its `challenge` is echoed",
            Self::Sns => {
                "a signed SubscriptionConfirmation for one of `topics`: confirmed by a GET of its `SubscribeURL`, at Amazon's hosts \
                 alone"
            }
            Self::Wise => "a POST with `X-Test-Notification: true`: answered 200",
            Self::WooCommerce => {
                "an unsigned POST of `webhook_id=…` when a webhook is saved: answered 200"
            }
            Self::X => "GET `?crc_token=…`: answered with its HMAC as `response_token`",
            Self::Zoom => {
                "a signed POST of `endpoint.url_validation`: answered with `encryptedToken`, again every 72 h"
            }
        }
    }

    /// Keys of a source, beyond those of its scheme, that the handshake needs.
    #[must_use]
    pub const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Meta => &["verify_token"],
            Self::Braintree => &["public_key_id"],
            Self::Sns => &["topics"],
            _ => &[],
        }
    }
}

/// A handshake with what one source brings to it.
#[derive(Clone, Debug)]
pub struct Responder {
    pub handshake: Handshake,
    /// Of the scheme; the first one signs where none has matched.
    pub secrets: Vec<Secret>,
    pub verify_token: Option<Secret>,
    pub public_key_id: Option<String>,
    pub topics: Vec<String>,
    pub rate: Option<Rate>,
    /// The `file:` of the first secret that is not there yet: where one that is handed over may go.
    pub vacant: Option<PathBuf>,
}

/// What is answered. Text goes out as `text/plain`: an echo as HTML could run in a browser.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Text(String),
    Json(Value),
    /// 200, or 204 where that is said, without a body.
    Empty {
        no_content: bool,
        headers: Vec<(&'static str, String)>,
    },
    /// 200 once this address of the provider's own has been called.
    Confirm {
        url: String,
    },
    /// 200 with the secret once it stands in the file, which must not be there yet; only while an operator waits for it.
    Adopt {
        secret: Secret,
        file: PathBuf,
    },
}

/// Why a handshake is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    #[error("the challenge is missing or does not read as the provider writes it")]
    Malformed,
    #[error("the provider's verify token is not the source's, or the source has none")]
    WrongToken,
    #[error("the subscription is to another topic")]
    OtherTopic,
    #[error("the source has its secret already")]
    Complete,
    #[error("no operator has opened the handshake")]
    Closed,
}

impl Unanswered {
    /// The stable label of logs and the record.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "handshake_malformed",
            Self::WrongToken => "handshake_token",
            Self::OtherTopic => "handshake_topic",
            Self::Complete => "handshake_complete",
            Self::Closed => "handshake_closed",
        }
    }
}

impl Reply {
    #[must_use]
    pub fn ok() -> Self {
        Self::with(Vec::new())
    }

    #[must_use]
    pub fn with(headers: Vec<(&'static str, String)>) -> Self {
        Self::Empty {
            no_content: false,
            headers,
        }
    }
}

impl Responder {
    /// The HMAC-SHA-256 of a challenge under the secret that matched, else under the first.
    fn sign(&self, matched: Option<usize>, text: &str) -> Option<Vec<u8>> {
        let secret = self.secrets.get(matched.unwrap_or(0))?;
        let key = Key::prepare(Algorithm::Sha256, secret.expose())?;
        Some(key.compute(std::iter::once(text.as_bytes())))
    }
}

/// A challenge that may be sent back: not empty, of bounded length, without control characters.
fn challenge(text: &str) -> Result<&str, Unanswered> {
    let plain = !text.is_empty() && text.len() <= MAX_CHALLENGE && !text.contains(char::is_control);
    plain.then_some(text).ok_or(Unanswered::Malformed)
}
