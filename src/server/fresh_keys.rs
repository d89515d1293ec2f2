//! A proof whose key or certificate is not at hand: whoever publishes it is asked, then it is tried once more.
//!
//! Webhooks and queries share this. What is proven is the caller's affair, and so is how a doubt is answered.

use crate::jwks::Jwks;
use crate::verify::verifier::Wanted;

/// Why a proof did not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doubt<R> {
    Refused(R),
    /// The keys of now cannot be had, so that an unknown key is no proof of a bad token or signature.
    KeysAway,
}

/// Proves once, and once more where `wants_keys` says of the refusal that fresh keys could change it. `wanted`:
/// what is to be fetched for that.
pub(super) async fn prove<T, R>(
    jwks: &Jwks,
    wanted: impl FnOnce() -> Option<Wanted>,
    proof: impl Fn() -> Result<T, R>,
    wants_keys: impl Fn(&R) -> bool,
) -> Result<T, Doubt<R>> {
    let first = proof();
    let wanted = match &first {
        Err(refusal) if wants_keys(refusal) => wanted(),
        _ => None,
    };
    let Some(wanted) = wanted else {
        return first.map_err(Doubt::Refused);
    };
    let fresh = match &wanted {
        Wanted::Keys(location) => jwks.refresh(location).await,
        Wanted::Certificate {
            url,
            kept,
            authorities,
        } => jwks.certificate(url, kept, authorities).await,
        Wanted::Key { service, kid } => jwks.key(service, kid).await,
    };
    proof().map_err(|refusal| {
        if wants_keys(&refusal) && !fresh {
            Doubt::KeysAway
        } else {
            Doubt::Refused(refusal)
        }
    })
}
