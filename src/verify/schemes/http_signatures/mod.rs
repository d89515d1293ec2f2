//! HTTP Message Signatures (RFC 9421): the sender says what it signed, and the source says what must be.
//!
//! A signature counts only if it covers every required component, says when it was made, and is by a
//! key of ours under the one algorithm of the source. Scheme, host and path are those that are registered,
//! never those of the request. What cannot be rendered as the RFC says makes its signature worth nothing.

mod components;
mod digest;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use sfv::{BareItem, Dictionary, FieldType, InnerList, Item, Key, ListEntry, Parser};
use sha2::{Digest, Sha256};

use super::super::given::{Fault, Given};
use super::super::spec::Unit;
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest, freshness};
use super::address::Address;
use crate::clock::Timestamp;
use components::Component;
use keys::KeyTable;

const INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const DIGEST: HeaderName = HeaderName::from_static("content-digest");
const TOLERANCE: Duration = Duration::from_mins(5);
/// Signatures of one request that are looked at.
const MAX_LABELS: usize = 8;
const MAX_COMPONENTS: usize = 64;
/// What must be signed where the source does not say: that this very request was meant for us.
const DEFAULT: [&str; 4] = ["@method", "@authority", "@path", "content-digest"];

#[derive(Debug)]
pub(in crate::verify) struct HttpSignatures {
    keys: Arc<KeyTable>,
    required: Arc<[Component]>,
    address: Address,
    tolerance: Duration,
}

impl HttpSignatures {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        let written: Vec<&str> = if given.require.is_empty() {
            DEFAULT.to_vec()
        } else {
            given.require.iter().map(String::as_str).collect()
        };
        let required = written
            .iter()
            .map(|text| {
                Component::written(text).ok_or_else(|| {
                    let message = format!("`{text}` is no component that can be signed here");
                    Fault::new("require", message)
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Box::new(Self {
            keys: Arc::new(KeyTable::prepare(given)?),
            required,
            address: Address::of(given)?,
            tolerance: given.tolerance.unwrap_or(TOLERANCE),
        }))
    }

    /// Judges one signature. Nothing that it says counts before a key of ours has made it.
    fn judge(
        &self,
        request: &WebhookRequest,
        input: &InnerList,
        signature: &[u8],
        moment: Moment,
    ) -> Result<Seal, Refusal> {
        let malformed = || Refusal::Malformed(INPUT.to_string());
        let covered = covered(input).ok_or_else(malformed)?;
        let all = self.required.iter().all(|required| {
            covered
                .iter()
                .any(|component| component.stands_for(required))
        });
        let created = time(input, "created")?.ok_or_else(malformed)?;
        let expires = time(input, "expires")?;
        if !all {
            return Err(malformed());
        }
        let base = self.base(request, input, &covered).ok_or_else(malformed)?;
        let key = self
            .keys
            .matching(input, base.as_bytes(), signature)
            .ok_or(Refusal::BadSignature)?;
        let bound = covered.iter().any(Component::is_digest);
        if bound {
            digest::check(&request.headers, &request.body)?;
        }
        let tolerance = Some(self.tolerance);
        freshness::signed(
            created,
            Unit::Seconds,
            tolerance,
            moment.retention,
            moment.now,
        )?;
        if expires.is_some_and(|end| end.seconds() < moment.now.seconds()) {
            return Err(Refusal::Stale);
        }
        Ok(Seal {
            secret: Some(key),
            signed_at: Some(created),
            // A proof that is no body's own may not be spent on a second one.
            digest: (!bound).then(|| Sha256::digest(&base).into()),
            ..Seal::default()
        })
    }

    /// The text that is signed (RFC 9421 §2.5).
    fn base(
        &self,
        request: &WebhookRequest,
        input: &InnerList,
        covered: &[Component],
    ) -> Option<String> {
        let mut base = String::new();
        for component in covered {
            let value = component.value(request, &self.address)?;
            base.push_str(component.id());
            base.push_str(": ");
            base.push_str(&value);
            base.push('\n');
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(&vec![ListEntry::InnerList(input.clone())].serialize()?);
        Some(base)
    }
}

impl Verifier for HttpSignatures {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let inputs = dictionary(&request.headers, &INPUT)?;
        let signatures = dictionary(&request.headers, &SIGNATURE)?;
        let mut refusal = Refusal::Malformed(INPUT.to_string());
        if inputs.len() > MAX_LABELS {
            return Err(refusal);
        }
        for (label, input) in &inputs {
            let (ListEntry::InnerList(input), Some(ListEntry::Item(item))) =
                (input, signatures.get(label.as_str()))
            else {
                continue;
            };
            let Some(signature) = item.bare_item.as_byte_sequence() else {
                continue;
            };
            match self.judge(request, input, signature, moment) {
                Ok(seal) => return Ok(seal),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    fn address(&self) -> Option<String> {
        Some(self.address.called(""))
    }

    fn moved(&self, address: &str, _: &str) -> Option<Box<dyn Verifier>> {
        Some(Box::new(Self {
            keys: Arc::clone(&self.keys),
            required: Arc::clone(&self.required),
            address: Address::parse(address)?,
            tolerance: self.tolerance,
        }))
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(DIGEST, digest::write(draft.body).parse().ok()?);
        let target: Uri = self.address.path().parse().ok()?;
        let request = WebhookRequest::new(
            Method::POST,
            &target,
            headers.clone(),
            String::new(),
            draft.body.to_vec().into(),
        );
        let mut input = InnerList::new(self.required.iter().map(Component::item).collect());
        let mut say = |name: &str, value: BareItem| {
            let key = Key::from_string(name.to_owned()).ok()?;
            input.params.insert(key, value);
            Some(())
        };
        let created = sfv::Integer::try_from(draft.now.seconds()).ok()?;
        say("created", created.into())?;
        let id = sfv::String::from_string(self.keys.first_id()?.to_owned()).ok()?;
        say("keyid", id.into())?;
        let base = self.base(&request, &input, &self.required)?;
        let signature = self.keys.sign(base.as_bytes())?;
        let entry = |value: ListEntry| {
            let key = Key::from_string("sig1".to_owned()).ok()?;
            Dictionary::from_iter([(key, value)]).serialize()
        };
        let item = Item::new(BareItem::ByteSequence(signature));
        let mut signed: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect::<Option<_>>()?;
        signed.push((INPUT.to_string(), entry(ListEntry::InnerList(input))?));
        signed.push((SIGNATURE.to_string(), entry(ListEntry::Item(item))?));
        Some(Signed {
            headers: signed,
            ..Signed::default()
        })
    }

    fn binds_body(&self) -> bool {
        self.required.iter().any(Component::is_digest)
    }
}

/// A header that is a list by its definition: several copies are one.
pub(in crate::verify) fn dictionary(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Dictionary, Refusal> {
    if !headers.contains_key(name) {
        return Err(Refusal::MissingHeader(name.to_string()));
    }
    components::field(headers, name)
        .and_then(|text| Parser::new(&text).parse::<Dictionary>().ok())
        .ok_or_else(|| Refusal::Malformed(name.to_string()))
}

/// What a signature says it covers; none where it says something that is not understood, or twice.
fn covered(input: &InnerList) -> Option<Vec<Component>> {
    if input.items.len() > MAX_COMPONENTS {
        return None;
    }
    let read: Vec<Component> = input
        .items
        .iter()
        .map(Component::read)
        .collect::<Option<_>>()?;
    let mut ids: Vec<&str> = read.iter().map(Component::id).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).any(|pair| pair.first() == pair.last());
    (!twice).then_some(read)
}

fn time(input: &InnerList, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = input.params.get(name) else {
        return Ok(None);
    };
    value
        .as_integer()
        .map(|seconds| Some(Timestamp::from_seconds(i64::from(seconds))))
        .ok_or_else(|| Refusal::Malformed(INPUT.to_string()))
}
