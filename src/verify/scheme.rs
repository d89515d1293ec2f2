//! A signature scheme, compiled once from its `spec` and the keys: verifies a request, and signs one
//! like the provider does, where the key is a shared one.
//!
//! Everything is read exactly or refused. No text of a secret appears in a fault, and no part of a
//! request in a refusal.

mod key;

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

use super::given::Fault;
use super::layout::{self, Entries};
use super::names::{Names, header_name, numbered};
use super::spec::{
    Algorithm, Copies, Encoding, KeyForm, Place, SignatureSpec, TimestampSpec, Unit,
};
use super::template::{Fields, Template, TemplateFault};
use super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::{Refusal, WebhookRequest, freshness};
use crate::clock::Timestamp;
use crate::secret::Secret;
use key::Key;

/// Why a scheme cannot be used. Secrets are counted from 0 and never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemeFault {
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
    #[error(transparent)]
    Signed(#[from] TemplateFault),
    #[error("`{{timestamp}}` is signed, but nothing says where the timestamp stands")]
    NoTimestamp,
    #[error("the timestamp proves nothing unless `{{timestamp}}` is part of what is signed")]
    UnsignedTimestamp,
    #[error("`{{id}}` is signed, but nothing says in which header the id stands")]
    NoId,
    #[error("the scheme needs a secret")]
    NoSecret,
    #[error("secret {index} is empty")]
    EmptySecret { index: usize },
    #[error("secret {index} is not {form}")]
    SecretForm { index: usize, form: &'static str },
}

impl From<SchemeFault> for Fault {
    fn from(fault: SchemeFault) -> Self {
        match fault {
            SchemeFault::SecretForm { index, form } => {
                Self::at("secrets", index, format!("this secret is not {form}"))
            }
            // Nothing is left once its prefix or its encoding is taken off.
            SchemeFault::EmptySecret { index } => {
                Self::at("secrets", index, "this secret is empty")
            }
            SchemeFault::NoSecret => Self::new("secrets", fault.to_string()),
            SchemeFault::HeaderName(_) => Self::new("header", fault.to_string()),
            fault => Self::new("signature", fault.to_string()),
        }
    }
}

/// A scheme ready for use.
#[derive(Debug)]
pub struct Scheme {
    pub(super) names: Names,
    /// Where none of `names` is there.
    pub(super) other: Option<Names>,
    pinned: Option<(HeaderName, String)>,
    /// None: the header holds one signature alone.
    pub(super) entries: Option<Entries>,
    copies: Copies,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    pub(super) prefix: String,
    pub(super) bare: bool,
    pub(super) signed: Template,
    pub(super) time: Option<Time>,
    pub(super) key_form: KeyForm,
    /// At least one.
    keys: Vec<Key>,
}

#[derive(Debug)]
pub(super) struct Time {
    /// None where it has a header of its own.
    tag: Option<String>,
    pub(super) unit: Unit,
    pub(super) tolerance: Option<Duration>,
}

/// What a request offers as its proof, read as the scheme says; nothing of it is judged yet.
pub(super) struct Offer<'a> {
    /// Under which names it comes.
    names: &'a Names,
    /// Still encoded.
    pub(super) signatures: Vec<&'a str>,
    pub(super) fields: Fields<'a>,
    pub(super) at: Option<Timestamp>,
}

impl Scheme {
    /// Decodes the secrets as the scheme needs them; the first fault ends it.
    pub fn compile(
        spec: &SignatureSpec<'_>,
        timestamp: Option<&TimestampSpec<'_>>,
        secrets: &[Secret],
    ) -> Result<Self, SchemeFault> {
        let signed = Template::compile(spec.signed)?;
        let time = timestamp.map(Time::compile);
        let stamp = timestamp.and_then(|timestamp| match timestamp.place {
            Place::Header(name) => Some(name),
            Place::Tag(_) => None,
        });
        match (signed.names_timestamp(), &time) {
            (true, None) => return Err(SchemeFault::NoTimestamp),
            (false, Some(_)) => return Err(SchemeFault::UnsignedTimestamp),
            _ => {}
        }
        if signed.names_id() && spec.id_header.is_none() {
            return Err(SchemeFault::NoId);
        }
        if secrets.is_empty() {
            return Err(SchemeFault::NoSecret);
        }
        let keys = secrets
            .iter()
            .enumerate()
            .map(|(index, secret)| Key::prepare(spec, index, secret))
            .collect::<Result<_, _>>()?;
        let other = spec
            .other
            .map(|other| Names::compile(other.header, other.id_header, other.timestamp));
        let pinned = spec
            .pinned
            .map(|(name, value)| header_name(name).map(|name| (name, value.to_owned())));
        Ok(Self {
            names: Names::compile(spec.header, spec.id_header, stamp)?,
            other: other.transpose()?,
            pinned: pinned.transpose()?,
            entries: Entries::of(spec.layout),
            copies: spec.copies,
            algorithm: spec.algorithm,
            encoding: spec.encoding,
            prefix: spec.prefix.to_owned(),
            bare: spec.bare,
            signed,
            time,
            key_form: spec.key_form,
            keys,
        })
    }

    /// Every secret against every signature; then the signed time against the clock. The signature
    /// comes first, so that a stranger cannot learn our clock.
    pub(super) fn verify(
        &self,
        request: &WebhookRequest,
        retention: Duration,
        now: Timestamp,
    ) -> Result<Seal, Refusal> {
        let offer = self.offer(request)?;
        let offered = self.decoded(&offer.signatures);
        if offered.is_empty() {
            return Err(Refusal::Malformed(offer.names.signature.to_string()));
        }
        let secret = self.matching(offer.fields, &offered)?;
        if let (Some(time), Some(at)) = (&self.time, offer.at) {
            freshness::signed(at, time.unit, time.tolerance, retention, now)?;
        }
        Ok(Seal {
            secret: Some(secret),
            signed_at: offer.at,
            ..Seal::default()
        })
    }

    pub(super) fn offer<'a>(&'a self, request: &'a WebhookRequest) -> Result<Offer<'a>, Refusal> {
        if let Some((name, value)) = &self.pinned
            && request.single(name)?.is_some_and(|sent| sent != value)
        {
            return Err(Refusal::Malformed(name.to_string()));
        }
        let names = self.names_in(request);
        let (signatures, tagged_time) = self.signatures(&names.signature, request)?;
        let id = match &names.id {
            Some(name) => self.id(name, request)?,
            None => "",
        };
        let time = match &self.time {
            Some(time) => Some(time.text(names, tagged_time, request)?),
            None => None,
        };
        Ok(Offer {
            names,
            signatures,
            fields: Fields {
                body: &request.body,
                timestamp: time.map_or("", |(text, _)| text),
                id,
            },
            at: time.map(|(_, at)| at),
        })
    }

    /// The headers that a provider would send with this body, signed with the first secret.
    #[must_use]
    pub fn sign(&self, body: &[u8], id: &str, now: Timestamp) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let at = self.time.as_ref().map(|time| time.unit.write(now));
        let fields = Fields {
            body,
            timestamp: at.as_deref().unwrap_or_default(),
            id,
        };
        if let Some(name) = &self.names.id {
            headers.push((name.to_string(), id.to_owned()));
        }
        let mut tagged = None;
        if let (Some(time), Some(at)) = (&self.time, &at) {
            if let Some(name) = &self.names.timestamp {
                headers.push((name.to_string(), at.clone()));
            }
            tagged = time.tag.as_deref().map(|tag| (tag, at.as_str()));
        }
        if let Some(Key::Shared(key)) = self.keys.first() {
            let bytes = key.compute(self.signed.render(fields));
            let signature = self.encoding.encode(&self.prefix, &bytes);
            let value = layout::write(self.entries.as_ref(), tagged, &signature);
            headers.push((self.names.signature.to_string(), value));
        }
        headers
    }

    /// The names under which the request comes. One header of a kind decides for all: a proof under one and an id
    /// under another would be two halves of two requests.
    pub(super) fn names_in(&self, request: &WebhookRequest) -> &Names {
        match &self.other {
            Some(other) if !self.names.any_in(request) && other.any_in(request) => other,
            _ => &self.names,
        }
    }

    /// The id that a request is sent with, where the scheme signs one.
    #[must_use]
    pub fn id_of<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers.get(self.names.id.as_ref()?)?.to_str().ok()
    }

    /// The signatures that the request offers, in all copies no more than a key takes; and the time if it stands among them.
    pub(super) fn signatures<'a>(
        &self,
        header: &HeaderName,
        request: &'a WebhookRequest,
    ) -> Result<(Vec<&'a str>, Option<&'a str>), Refusal> {
        let malformed = || Refusal::Malformed(header.to_string());
        let tag = self.time.as_ref().and_then(|time| time.tag.as_deref());
        let most = self.keys.first().map_or(0, Key::most_signatures);
        let mut signatures = Vec::new();
        let (mut at, mut missing) = (None, true);
        let several;
        let headers = match (self.copies, &self.other) {
            (Copies::Numbered, _) => {
                several = numbered(header, request);
                &*several
            }
            (Copies::Either, Some(other)) => {
                several = vec![self.names.signature.clone(), other.signature.clone()];
                &*several
            }
            _ => std::slice::from_ref(header),
        };
        for name in headers {
            for (copies, value) in request.headers.get_all(name).iter().enumerate() {
                if copies > 0 && self.copies != Copies::Several {
                    return Err(Refusal::DuplicateHeader(name.to_string()));
                }
                let text = value.to_str().map_err(|_| malformed())?;
                let found = layout::read(self.entries.as_ref(), tag, text).ok_or_else(malformed)?;
                missing = false;
                if signatures.is_empty() {
                    signatures = found.signatures;
                } else {
                    signatures.extend(found.signatures);
                }
                if signatures.len() > most {
                    return Err(malformed());
                }
                if found.timestamp.is_some() && at.replace(found.timestamp).is_some() {
                    return Err(malformed());
                }
            }
        }
        if missing {
            return Err(Refusal::MissingHeader(header.to_string()));
        }
        if signatures.is_empty() {
            return Err(malformed());
        }
        Ok((signatures, at.flatten()))
    }

    /// The id, unless it could be read as the id and more of what is signed.
    fn id<'a>(&self, name: &HeaderName, request: &'a WebhookRequest) -> Result<&'a str, Refusal> {
        Some(request.required(name)?)
            .filter(|id| !id.is_empty() && self.signed.bounds_id(id))
            .ok_or_else(|| Refusal::Malformed(name.to_string()))
    }

    fn decoded(&self, signatures: &[&str]) -> Vec<Vec<u8>> {
        let decode = |text: &&str| self.encoding.decode(&self.prefix, self.bare, text);
        signatures.iter().filter_map(decode).collect()
    }

    fn matching(&self, fields: Fields<'_>, offered: &[Vec<u8>]) -> Result<usize, Refusal> {
        self.keys
            .iter()
            .position(|key| key.matches(&self.signed, fields, offered))
            .ok_or(Refusal::BadSignature)
    }
}

impl Verifier for Scheme {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        Self::verify(self, request, moment.retention, moment.now)
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        if let Some(Key::Public(_)) = self.keys.first() {
            return None;
        }
        Some(Signed {
            headers: Self::sign(self, draft.body, draft.id, draft.now),
            ..Signed::default()
        })
    }
}

impl Time {
    fn compile(spec: &TimestampSpec<'_>) -> Self {
        Self {
            tag: match spec.place {
                Place::Header(_) => None,
                Place::Tag(tag) => Some(tag.to_owned()),
            },
            unit: spec.unit,
            tolerance: spec.tolerance,
        }
    }

    /// The text as received, which is what was signed, and what it says.
    fn text<'a>(
        &self,
        names: &Names,
        tagged: Option<&'a str>,
        request: &'a WebhookRequest,
    ) -> Result<(&'a str, Timestamp), Refusal> {
        let (text, name) = match &names.timestamp {
            Some(name) => (Some(request.required(name)?), name),
            None => (tagged, &names.signature),
        };
        text.and_then(|text| self.unit.read(text).map(|at| (text, at)))
            .ok_or_else(|| Refusal::Malformed(name.to_string()))
    }
}
