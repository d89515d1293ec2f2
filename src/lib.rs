//! Signalpost: the front door for webhooks into Temporal.
//!
//! The modules in the order of the map in `ARCHITECTURE.md`, which says who may import whom; read
//! `server::webhooks`, `inbox` and `delivery` first.

pub mod chance;
pub mod clock;
pub mod crash;
pub mod duration;
pub mod network;
pub mod rate;
pub mod secret;
pub mod size;

pub mod event;

pub mod expr;
pub mod token;

pub mod access;
pub mod routing;
pub mod verify;

pub mod telemetry;

pub mod config;
pub mod devserver;
pub mod inbox;
pub mod jwks;
pub mod temporal;

pub mod delivery;
pub mod server;

pub mod settings;

pub mod gateway;

pub mod cli;
