//! Schemes that are no data: one file for each mechanism, named by the presets that use it.
//!
//! Each is made once from what a source gives and keeps its keys ready. What has to be fetched is named, never fetched here.

pub(super) mod body_token;
pub(super) mod carried_token;
pub(super) mod connect;
pub(super) mod easyship;
pub(super) mod graph;
pub(super) mod paypal;
pub(super) mod public_keys;
pub(super) mod pubsub;
pub(super) mod shipengine;
pub(super) mod sns;
pub(super) mod standard_webhooks;
mod token_keys;
