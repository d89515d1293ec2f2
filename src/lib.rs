//! Signalpost: the front door for webhooks into Temporal.
//!
//! The modules in reading order; `ARCHITECTURE.md` has the map and who may import whom.

pub mod clock;
pub mod secret;

pub mod event;

pub mod expr;
pub mod token;

pub mod access;
pub mod routing;
pub mod verify;

pub mod config;
pub mod inbox;
pub mod jwks;
pub mod temporal;

pub mod delivery;

pub mod devserver;
