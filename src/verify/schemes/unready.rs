//! What stands for a scheme whose keys cannot be read here: it proves nothing.
//!
//! Only where a routing file is checked without its keys; a gateway does not start like that.

use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest};

#[derive(Debug)]
pub struct Unready;

impl Verifier for Unready {
    fn verify(&self, _: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        Err(Refusal::BadSignature)
    }

    fn sign(&self, _: Draft<'_>) -> Option<Signed> {
        None
    }
}
