//! Schemes that no data can say, each made by the `build` of its preset.
//!
//! One file for each mechanism; what they share is `keys` and `address`. The same rules as for all of
//! `verify`: no I/O, no clock, everything read exactly or refused.

mod address;
mod adyen;
mod braintree;
mod contentful;
mod http_signatures;
mod hubspot;
mod keys;
mod mailgun;
mod square;
mod twilio;

pub(super) use adyen::{Adyen, signed_text as adyen_text};
pub(super) use braintree::Braintree;
pub(super) use contentful::Contentful;
pub(super) use http_signatures::HttpSignatures;
pub(super) use hubspot::HubSpot;
pub(super) use mailgun::Mailgun;
pub(super) use square::Square;
pub(super) use twilio::{Twilio, canonical as form_fields};
