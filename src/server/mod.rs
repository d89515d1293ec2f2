//! HTTP: the only module that knows axum and hyper.
//!
//! From the outside in: [`listener`] accepts connections and [`connection`] serves one of them,
//! [`pace`] gives up on peers that are slow; [`request_id`] names each request, [`limits`] caps how
//! many are in work, [`body`] reads theirs, and [`error`] turns every failure into its answer.
//! May import everything but `delivery`, `settings`, `gateway` and `cli`.

pub mod body;
pub mod error;
pub mod limits;
pub mod listener;
pub mod request_id;

mod connection;
mod failure;
mod pace;
