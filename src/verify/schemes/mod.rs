//! Schemes that are no data, one file for each mechanism. A preset's `build` makes one from what its source gives.
//!
//! Keys are kept ready. What has to be fetched is named, never fetched here.

pub(super) mod body_token;
pub(super) mod carried_token;
pub(super) mod connect;
pub mod credential;
pub(super) mod easyship;
pub(super) mod graph;
pub(super) mod keyed;
pub(super) mod paypal;
pub(super) mod public_keys;
pub(super) mod pubsub;
pub(super) mod shipengine;
pub(super) mod sns;
pub(super) mod stamped;
pub(super) mod standard_webhooks;
mod token_keys;

#[cfg(test)]
mod tests;
