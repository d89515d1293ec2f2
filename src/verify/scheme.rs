//! A signature scheme, compiled once from its `spec` and the secrets: verifies a request, and signs one
//! like the provider does.
//!
//! Everything is read exactly or refused. No text of a secret appears in a fault, and no part of a
//! request in a refusal.

use std::time::Duration;

use http::header::HeaderName;

use super::hmac::{self, Key};
use super::layout::{self, Entries};
use super::spec::{Copies, Encoding, KeyForm, Place, SignatureSpec, TimestampSpec, Unit};
use super::template::{Fields, Template, TemplateFault};
use super::verifier::Seal;
use super::{Refusal, WebhookRequest, freshness};
use crate::clock::Timestamp;
use crate::secret::Secret;

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

/// A scheme ready for use.
#[derive(Debug)]
pub struct Scheme {
    header: HeaderName,
    id_header: Option<HeaderName>,
    /// None: the header holds one signature alone.
    entries: Option<Entries>,
    copies: Copies,
    encoding: Encoding,
    prefix: String,
    signed: Template,
    time: Option<Time>,
    /// At least one.
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Time {
    /// None where it is an entry of the signature's header.
    header: Option<HeaderName>,
    tag: Option<String>,
    unit: Unit,
    tolerance: Option<Duration>,
}

impl Scheme {
    /// Decodes the secrets as the scheme needs them; the first fault ends it.
    pub fn compile(
        spec: &SignatureSpec<'_>,
        timestamp: Option<&TimestampSpec<'_>>,
        secrets: &[Secret],
    ) -> Result<Self, SchemeFault> {
        let signed = Template::compile(spec.signed)?;
        let time = timestamp.map(Time::compile).transpose()?;
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
            .map(|(index, secret)| prepare(spec, index, secret))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            header: header_name(spec.header)?,
            id_header: spec.id_header.map(header_name).transpose()?,
            entries: Entries::of(spec.layout),
            copies: spec.copies,
            encoding: spec.encoding,
            prefix: spec.prefix.to_owned(),
            signed,
            time,
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
        let (signatures, tagged_time) = self.signatures(request)?;
        let id = match &self.id_header {
            Some(name) => self.id(name, request)?,
            None => "",
        };
        let time = match &self.time {
            Some(time) => Some(self.time_text(time, tagged_time, request)?),
            None => None,
        };
        let fields = Fields {
            body: &request.body,
            timestamp: time.map_or("", |(text, _)| text),
            id,
        };
        let secret = self.matching(fields, &signatures)?;
        if let (Some(time), Some((_, at))) = (&self.time, time) {
            freshness::signed(at, time.unit, time.tolerance, retention, now)?;
        }
        Ok(Seal {
            secret: Some(secret),
            signed_at: time.map(|(_, at)| at),
            ..Seal::default()
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
        if let Some(name) = &self.id_header {
            headers.push((name.to_string(), id.to_owned()));
        }
        let mut tagged = None;
        if let (Some(time), Some(at)) = (&self.time, &at) {
            if let Some(name) = &time.header {
                headers.push((name.to_string(), at.clone()));
            }
            tagged = time.tag.as_deref().map(|tag| (tag, at.as_str()));
        }
        if let Some(key) = self.keys.first() {
            let bytes = key.compute(self.signed.render(fields));
            let signature = self.encoding.encode(&self.prefix, &bytes);
            let value = layout::write(self.entries.as_ref(), tagged, &signature);
            headers.push((self.header.to_string(), value));
        }
        headers
    }

    /// The signatures that the request offers, and the time if it stands among them.
    fn signatures<'a>(
        &self,
        request: &'a WebhookRequest,
    ) -> Result<(Vec<&'a str>, Option<&'a str>), Refusal> {
        let malformed = || Refusal::Malformed(self.header.to_string());
        let tag = self.time.as_ref().and_then(|time| time.tag.as_deref());
        let mut signatures = Vec::new();
        let mut at = None;
        let mut copies = 0_usize;
        for value in request.headers.get_all(&self.header) {
            copies += 1;
            if copies > 1 && self.copies == Copies::One {
                return Err(Refusal::DuplicateHeader(self.header.to_string()));
            }
            let text = value.to_str().map_err(|_| malformed())?;
            let found = layout::read(self.entries.as_ref(), tag, text).ok_or_else(malformed)?;
            signatures.extend(found.signatures);
            if found.timestamp.is_some() && at.replace(found.timestamp).is_some() {
                return Err(malformed());
            }
        }
        if copies == 0 {
            return Err(Refusal::MissingHeader(self.header.to_string()));
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

    /// The time's text as received, which is what was signed, and what it says.
    fn time_text<'a>(
        &self,
        time: &Time,
        tagged: Option<&'a str>,
        request: &'a WebhookRequest,
    ) -> Result<(&'a str, Timestamp), Refusal> {
        let (text, name) = match &time.header {
            Some(name) => (Some(request.required(name)?), name),
            None => (tagged, &self.header),
        };
        text.and_then(|text| time.unit.read(text).map(|at| (text, at)))
            .ok_or_else(|| Refusal::Malformed(name.to_string()))
    }

    fn matching(&self, fields: Fields<'_>, signatures: &[&str]) -> Result<usize, Refusal> {
        let offered: Vec<Vec<u8>> = signatures
            .iter()
            .filter_map(|text| self.encoding.decode(&self.prefix, text))
            .collect();
        if offered.is_empty() {
            return Err(Refusal::Malformed(self.header.to_string()));
        }
        self.keys
            .iter()
            .position(|key| {
                let ours = key.compute(self.signed.render(fields));
                offered.iter().any(|theirs| hmac::equal(&ours, theirs))
            })
            .ok_or(Refusal::BadSignature)
    }
}

impl Time {
    fn compile(spec: &TimestampSpec<'_>) -> Result<Self, SchemeFault> {
        let (header, tag) = match spec.place {
            Place::Header(name) => (Some(header_name(name)?), None),
            Place::Tag(tag) => (None, Some(tag.to_owned())),
        };
        Ok(Self {
            header,
            tag,
            unit: spec.unit,
            tolerance: spec.tolerance,
        })
    }
}

/// The key that a secret stands for, ready for use.
fn prepare(spec: &SignatureSpec<'_>, index: usize, secret: &Secret) -> Result<Key, SchemeFault> {
    let form = SchemeFault::SecretForm {
        index,
        form: spec.key_form.describe(),
    };
    let key = decode(spec.key_form, secret).ok_or_else(|| form.clone())?;
    if key.is_empty() {
        return Err(SchemeFault::EmptySecret { index });
    }
    Key::prepare(spec.algorithm, key.expose()).ok_or(form)
}

pub(super) fn decode(form: KeyForm, secret: &Secret) -> Option<Secret> {
    let text = || std::str::from_utf8(secret.expose()).ok();
    match form {
        KeyForm::Plain => Some(secret.clone()),
        KeyForm::Hex => hex::decode(secret.expose()).ok().map(Secret::new),
        KeyForm::Base64 => layout::base64_decode(text()?).map(Secret::new),
        KeyForm::Whsec => {
            let text = text()?;
            layout::base64_decode(text.strip_prefix("whsec_").unwrap_or(text)).map(Secret::new)
        }
    }
}

fn header_name(name: &str) -> Result<HeaderName, SchemeFault> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| SchemeFault::HeaderName(name.to_owned()))
}
