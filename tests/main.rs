//! All integration tests, in one binary: it links once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what a test cannot go on from may end it, and a test may say what it waits for"
)]

mod allow;
mod ambiguity;
mod architecture;
mod audit;
mod bodies;
mod cli;
mod cli_events;
mod config;
mod crashes;
mod delivery;
mod deploy;
mod dev;
mod devserver;
mod discovery;
mod docs;
mod drain;
mod explain;
mod faults;
mod fleet;
mod inbox_contract;
mod keys;
mod ledger;
mod limits;
mod listener;
mod matrix;
mod operators;
mod ops;
mod ops_actions;
mod pages;
mod paths;
mod presets;
mod providers;
mod queries;
mod rates;
mod redis_actions;
mod redis_gateway;
mod redis_server;
mod reload;
mod schema;
mod secrets;
mod settings;
mod signatures;
mod store;
mod support;
mod temporal;
mod tls;
mod tokens;
mod webhooks;
