//! All integration tests, in one binary: it links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod architecture;
mod cli;
mod config;
mod delivery;
mod docs;
mod faults;
mod inbox_contract;
mod listener;
mod providers;
mod queries;
mod settings;
mod support;
mod temporal;
mod webhooks;
