//! The names under which keys and bodies are remembered: digests, so that an index of them stays small.

use sha2::{Digest, Sha256};

use crate::event::Event;

/// Half of a SHA-256: as many bits as a UUID has, and half the index.
pub(super) type Fingerprint = [u8; 16];

/// Of source and key. Names of sources hold no NUL, so that no two pairs read the same.
pub(super) fn key(event: &Event) -> Fingerprint {
    digest(&[event.source.as_bytes(), b"\0", event.key.text.as_bytes()])
}

pub(super) fn digest(parts: &[&[u8]]) -> Fingerprint {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(sha.finalize()) {
        *to = from;
    }
    half
}
