//! Requests by which a provider asks whether this endpoint is ours, instead of telling us an event.
//!
//! A handshake is answered and audited, and never becomes an event. Pure: what it says is a value, `server` answers.

/// Which handshake a provider makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {}
