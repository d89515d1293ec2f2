//! Handshakes that carry no proof: whoever sends one learns nothing, and changes nothing without an operator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderName;
use http::{HeaderMap, Method};
use serde::de::IgnoredAny;
use serde_json::json;
use sha1::{Digest as _, Sha1};

use super::super::hmac::{self, Key};
use super::super::scheme::Scheme;
use super::super::spec::Algorithm;
use super::{Handshake, MAX_CHALLENGE, Reply, Responder, Unanswered, challenge};
use crate::secret::Secret;
use crate::verify::{Refusal, WebhookRequest};

const OKTA_CHALLENGE: HeaderName = HeaderName::from_static("x-okta-verification-challenge");
const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const HOOK_SECRET: HeaderName = HeaderName::from_static("x-hook-secret");
const TEST_NOTIFICATION: HeaderName = HeaderName::from_static("x-test-notification");
const WOOCOMMERCE_SIGNATURE: HeaderName = HeaderName::from_static("x-wc-webhook-signature");

/// A secret that is handed over is at least so long.
const SHORTEST_SECRET: usize = 16;

type Answer = Result<Reply, Unanswered>;

impl Responder {
    /// None where the request is no handshake, or one whose proof comes first. A method that only handshakes use is always one.
    pub(in crate::verify) fn unproven(&self, request: &WebhookRequest) -> Option<Answer> {
        let post = request.method == Method::POST;
        let answer = match self.handshake {
            Handshake::Braintree if !post => self.braintree(request),
            Handshake::CloudEvents | Handshake::EventGrid if !post => self.origin(request),
            Handshake::Dropbox if !post => echo(request, "challenge"),
            Handshake::Head if !post => Ok(Reply::ok()),
            Handshake::Meta if !post => self.meta(request),
            Handshake::Okta if !post => okta(request),
            Handshake::X if !post => self.crc(request),
            Handshake::Asana if request.headers.contains_key(HOOK_SECRET) => self.asana(request),
            Handshake::Fedex if request.body.is_empty() => Ok(Reply::ok()),
            Handshake::MicrosoftGraph if has(request, "validationToken") => {
                echo(request, "validationToken")
            }
            Handshake::Wise if is_true(&request.headers, &TEST_NOTIFICATION) => Ok(Reply::ok()),
            Handshake::WooCommerce if is_ping(request) => Ok(Reply::ok()),
            _ if !post => Err(Unanswered::Malformed),
            _ => return None,
        };
        Some(answer)
    }

    /// Whether what is signed of this request is what we sign for any stranger who asks, so that its signature says
    /// nothing. It is the whole signed text that counts: a time and a body together may read as a token.
    pub(in crate::verify) fn signs_for_anybody(
        &self,
        scheme: &Scheme,
        request: &WebhookRequest,
    ) -> Result<bool, Refusal> {
        if self.handshake != Handshake::X {
            return Ok(false);
        }
        let mut text = String::new();
        for byte in scheme
            .signed
            .render(scheme.offer(request)?.fields)
            .flatten()
        {
            let byte = char::from(*byte);
            // JSON ends it at its first byte.
            if !may_be_in_a_crc_token(byte) || text.len() == MAX_CHALLENGE {
                return Ok(false);
            }
            text.push(byte);
        }
        Ok(crc_token(&text).is_ok())
    }

    fn meta(&self, request: &WebhookRequest) -> Answer {
        if parameter(request, "hub.mode")? != "subscribe" {
            return Err(Unanswered::Malformed);
        }
        let token = parameter(request, "hub.verify_token")?;
        let ours = self.verify_token.as_ref().map_or(&[][..], Secret::expose);
        if ours.is_empty() || !hmac::equal(ours, token.as_bytes()) {
            return Err(Unanswered::WrongToken);
        }
        echo(request, "hub.challenge")
    }

    /// What is signed here is never taken for the signed text of an event ([`Self::signs_for_anybody`]).
    fn crc(&self, request: &WebhookRequest) -> Answer {
        let token = parameter(request, "crc_token")?;
        let mac = self
            .sign(None, crc_token(&token)?)
            .ok_or(Unanswered::Malformed)?;
        let text = format!("sha256={}", STANDARD.encode(mac));
        Ok(Reply::Json(json!({ "response_token": text })))
    }

    /// As long as the vendor's are, and of hex digits alone: that is no payload in base64.
    fn braintree(&self, request: &WebhookRequest) -> Answer {
        let token = parameter(request, "bt_challenge")?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if !(20..=32).contains(&token.len()) || !token.chars().all(hex) {
            return Err(Unanswered::Malformed);
        }
        let key = self.secrets.first().and_then(|secret| {
            Key::prepare(Algorithm::Sha1, Sha1::digest(secret.expose()).as_slice())
        });
        let (Some(key), Some(public)) = (key, &self.public_key_id) else {
            return Err(Unanswered::Malformed);
        };
        let mac = key.compute(std::iter::once(token.as_bytes()));
        Ok(Reply::Text(format!("{public}|{}", hex::encode(mac))))
    }

    /// Consent to be called by that origin; the status alone would be none.
    fn origin(&self, request: &WebhookRequest) -> Answer {
        let origin = header(request, &REQUEST_ORIGIN)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:*/".contains(c);
        if !challenge(origin)?.chars().all(plain) {
            return Err(Unanswered::Malformed);
        }
        let rate = self.rate.map_or_else(
            || "*".to_owned(),
            |rate| {
                let seconds = rate.per.as_secs().max(1);
                let per_minute = u64::from(rate.count) * 60 / seconds;
                per_minute.max(1).to_string()
            },
        );
        Ok(Reply::with(vec![
            ("allow", "POST".to_owned()),
            ("webhook-allowed-origin", origin.to_owned()),
            ("webhook-allowed-rate", rate),
        ]))
    }

    fn asana(&self, request: &WebhookRequest) -> Answer {
        let text = header(request, &HOOK_SECRET)?;
        let plain = challenge(text)?.chars().all(|c| c.is_ascii_graphic());
        if !plain || text.len() < SHORTEST_SECRET {
            return Err(Unanswered::Malformed);
        }
        let file = self.vacant.clone().ok_or(Unanswered::Complete)?;
        let secret = Secret::new(text.as_bytes().to_vec());
        Ok(Reply::Adopt { secret, file })
    }
}

/// Base64 and the like, and nothing that reads as JSON: that may be an event's.
fn crc_token(text: &str) -> Result<&str, Unanswered> {
    let token = challenge(text)?;
    let plain = token.chars().all(may_be_in_a_crc_token);
    let is_one = plain && serde_json::from_str::<IgnoredAny>(token).is_err();
    is_one.then_some(token).ok_or(Unanswered::Malformed)
}

fn may_be_in_a_crc_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_.-".contains(c)
}

fn okta(request: &WebhookRequest) -> Answer {
    let value = challenge(header(request, &OKTA_CHALLENGE)?)?;
    Ok(Reply::Json(json!({ "verification": value })))
}

/// Sends the parameter back, decoded.
fn echo(request: &WebhookRequest, name: &str) -> Answer {
    let value = parameter(request, name)?;
    challenge(&value).map(|text| Reply::Text(text.to_owned()))
}

fn has(request: &WebhookRequest, name: &str) -> bool {
    let mut pairs = form_urlencoded::parse(request.query.as_bytes());
    pairs.any(|(own, _)| own == name)
}

/// The one value of a parameter.
fn parameter(request: &WebhookRequest, name: &str) -> Result<String, Unanswered> {
    let pairs = form_urlencoded::parse(request.query.as_bytes());
    let mut values = pairs.filter(|(own, _)| own == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.into_owned()),
        _ => Err(Unanswered::Malformed),
    }
}

fn header<'r>(request: &'r WebhookRequest, name: &HeaderName) -> Result<&'r str, Unanswered> {
    request.required(name).map_err(|_| Unanswered::Malformed)
}

/// Of WooCommerce: the number of the webhook as a form, and no signature.
fn is_ping(request: &WebhookRequest) -> bool {
    let number = request.body.strip_prefix(b"webhook_id=");
    let number =
        number.is_some_and(|it| (1..=20).contains(&it.len()) && it.iter().all(u8::is_ascii_digit));
    number && !request.headers.contains_key(WOOCOMMERCE_SIGNATURE)
}

fn is_true(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get(name)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}
