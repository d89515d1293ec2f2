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
mod backup;
mod batches;
mod bodies;
mod cases;
mod catalogue;
mod check_live;
mod cli;
mod cli_events;
mod config;
mod contracts;
mod crashes;
mod delivery;
mod deploy;
mod dev;
mod devserver;
mod diff;
mod discovery;
mod docs;
mod drain;
mod explain;
mod faults;
mod fleet;
mod fuzz;
mod handshakes;
mod healthcheck;
mod inbox_contract;
mod intake;
mod keys;
mod ledger;
mod limits;
mod listener;
mod matrix;
mod monitoring;
mod notify;
mod operators;
mod ops;
mod ops_actions;
mod pages;
mod paths;
mod presets;
mod providers;
mod published_keys;
mod queries;
mod rates;
mod redis_actions;
mod redis_gateway;
mod redis_server;
mod reload;
mod runbook;
mod schema;
mod secrets;
mod settings;
mod signatures;
mod single_keys;
mod store;
mod support;
mod temporal;
mod tls;
mod tokens;
mod tracing;
mod webhooks;
