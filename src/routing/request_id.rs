//! The id under which Temporal recognises a repeated attempt (P4).
//!
//! The same delivery gives the same id on every attempt, after every restart and on every replica.
//! Changing anything here makes deliveries that are under way count as new ones.

use sha2::{Digest, Sha256};

use crate::event::{Event, Target};

/// 32 hex digits of source, event key, route, workflow and signal; and of the event id too where
/// the key is a digest, because equal bodies may then be two events.
pub(super) fn request_id(event: &Event, route: &str, target: &Target) -> String {
    let id = event.id.to_string();
    let mut hash = Sha256::new();
    let fields = [
        &*event.source,
        &event.key.text,
        route,
        &target.workflow,
        &target.signal,
    ];
    let occurrence = event.key.digest.then_some(id.as_str());
    for field in fields.into_iter().chain(occurrence) {
        // The length keeps `ab` + `c` apart from `a` + `bc`.
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    let mut hex = hex::encode(hash.finalize());
    hex.truncate(32);
    hex
}

/// Another id in the place of this one, for a delivery that is to take effect once more. `nonce` tells
/// one such wish from the next.
#[must_use]
pub fn renewed(request_id: &str, nonce: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(request_id.as_bytes());
    hash.update(nonce.as_bytes());
    let mut hex = hex::encode(hash.finalize());
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_id_is_new_each_time_and_the_same_for_the_same_wish() {
        let id = "0123456789abcdef0123456789abcdef";
        let first = renewed(id, "a");
        assert_eq!(first.len(), 32);
        assert_eq!(first, renewed(id, "a"));
        assert_ne!(first, renewed(id, "b"));
        assert_ne!(first, id);
    }
}
