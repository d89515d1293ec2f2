//! A proof by token whose key is not known: the issuer is asked for its keys, then it is tried once more.
//!
//! Webhooks and queries share this. What is proven is the caller's affair, and so is how a doubt is answered.

use crate::jwks::Jwks;
use crate::token::Location;

/// Why a proof did not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doubt<R> {
    Refused(R),
    /// The keys of now cannot be had, so that an unknown key is no proof of a bad token.
    KeysAway,
}

/// Proves once, and once more where `wants_keys` says of the refusal that fresh keys could change it. `keys`:
/// where those come from.
pub(super) async fn prove<T, R>(
    jwks: &Jwks,
    keys: Option<Location>,
    proof: impl Fn() -> Result<T, R>,
    wants_keys: impl Fn(&R) -> bool,
) -> Result<T, Doubt<R>> {
    let keys = match (proof(), keys) {
        (Err(refusal), Some(keys)) if wants_keys(&refusal) => keys,
        (settled, _) => return settled.map_err(Doubt::Refused),
    };
    let fresh = jwks.refresh(&keys).await;
    proof().map_err(|refusal| {
        if wants_keys(&refusal) && !fresh {
            Doubt::KeysAway
        } else {
            Doubt::Refused(refusal)
        }
    })
}
