//! An HMAC over a JSON body that holds its own time as a member, in milliseconds.
//!
//! The time is read only after the signature holds: before that the body is nobody's word.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::expr::json;
use crate::verify::given::{Fault, Given};
use crate::verify::scheme::Scheme;
use crate::verify::spec::{SignatureSpec, Unit};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest, freshness};

#[derive(Debug)]
struct Stamped {
    scheme: Scheme,
    /// The member of the body.
    member: &'static str,
    tolerance: Duration,
}

pub(in crate::verify) fn build(
    given: &Given,
    spec: &SignatureSpec<'_>,
    member: &'static str,
    tolerance: Duration,
) -> Result<Box<dyn Verifier>, Fault> {
    Ok(Box::new(Stamped {
        scheme: Scheme::compile(spec, None, &given.secrets)?,
        member,
        tolerance: given.tolerance.unwrap_or(tolerance),
    }))
}

impl Verifier for Stamped {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let seal = Verifier::verify(&self.scheme, request, moment)?;
        let body = json::read(&request.body).filter(Value::is_object);
        let body = body.ok_or(Refusal::Unparsable)?;
        let millis = body.get(self.member).and_then(Value::as_i64);
        let missing =
            || Refusal::NoTime(format!("`body.{}` is no time in milliseconds", self.member));
        let at = Timestamp::from_millis(millis.ok_or_else(missing)?);
        let Moment { now, retention } = moment;
        freshness::signed(at, Unit::Millis, Some(self.tolerance), retention, now)?;
        Ok(Seal {
            signed_at: Some(at),
            ..seal
        })
    }

    /// With the time of now in the body, and all else in it as it is written.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let Ok(mut body) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(draft.body)
        else {
            return Verifier::sign(&self.scheme, draft);
        };
        let now = RawValue::from_string(draft.now.millis().to_string()).ok()?;
        body.insert(self.member.to_owned(), now);
        let body = serde_json::to_vec(&body).ok()?;
        let signed = Verifier::sign(
            &self.scheme,
            Draft {
                body: &body,
                ..draft
            },
        )?;
        Some(Signed {
            body: Some(body),
            ..signed
        })
    }
}
