//! All integration tests, in one binary: it links once.

mod delivery;
mod inbox_contract;
mod support;
mod temporal;
