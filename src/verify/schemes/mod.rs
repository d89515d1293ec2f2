//! Schemes that are no data, one file for each mechanism. A preset's `build` makes one from what its source gives.
//!
//! The same rules as for all of `verify`: no I/O, no clock, everything read exactly or refused. Keys are kept ready; what
//! has to be fetched is named, never fetched here.

mod address;
mod adyen;
pub(super) mod body_token;
mod braintree;
pub(super) mod carried_token;
pub(super) mod connect;
mod contentful;
pub mod credential;
pub(super) mod easyship;
pub(super) mod graph;
mod http_signatures;
mod hubspot;
pub(super) mod keyed;
mod keys;
mod mailgun;
pub(super) mod paypal;
pub(super) mod public_keys;
pub(super) mod pubsub;
pub(super) mod shipengine;
pub(super) mod sns;
mod square;
pub(super) mod stamped;
pub(super) mod standard_webhooks;
mod token_keys;
mod twilio;
pub mod unready;

pub(super) use adyen::{Adyen, signed_text as adyen_text};
pub(super) use braintree::Braintree;
pub(super) use contentful::Contentful;
pub(super) use http_signatures::HttpSignatures;
pub(super) use hubspot::HubSpot;
pub(super) use mailgun::Mailgun;
pub(super) use square::Square;
pub(super) use twilio::{Twilio, canonical as form_fields};

#[cfg(test)]
mod tests;
