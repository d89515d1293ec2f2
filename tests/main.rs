//! All integration tests, in one binary: it links once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what a test cannot go on from may end it, and a test may say what it waits for"
)]

mod ambiguity;
mod architecture;
mod cli;
mod config;
mod delivery;
mod dev;
mod devserver;
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
