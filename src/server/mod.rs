//! HTTP: the only module that knows axum and hyper.
//!
//! From the outside in: [`listener`] accepts connections and `connection` serves one of them, [`tls`] if it is
//! encrypted, `multiplexed` if it speaks HTTP/2; `pace` gives up on peers that are slow, also with one of many `heads`;
//! `unread` sees to bodies that nobody has read; [`request_id`] names each request, [`cors`] lets web pages in, `gate` knows
//! its [`client`], [`limits`] caps how many are in work and how often, [`body`] reads theirs. Then the handlers: `webhooks`,
//! `queries`, whose equal questions share [`answers`], and, on the other listener,
//! `ops`, which [`operators`] may use. [`error`] turns every failure into its answer. May import everything but `delivery`,
//! `settings`, `gateway` and `cli`.

pub mod answers;
pub mod body;
pub mod client;
pub mod cors;
pub mod error;
pub mod limits;
pub mod listener;
pub mod operators;
pub mod request_id;
pub mod tls;

mod connection;
mod failure;
mod fresh_keys;
mod gate;
mod guard;
pub mod handshakes;
mod heads;
mod multiplexed;
mod ops;
mod pace;
mod queries;
mod record;
mod refused;
mod traced;
mod unread;
pub mod webhooks;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::routing::any;
use axum::{Router, middleware};

use crate::config::PlanHandle;
use crate::inbox::Inbox;
use crate::jwks::Jwks;
use crate::telemetry::Telemetry;
use crate::temporal::Temporal;
use answers::Answers;
use client::Proxies;
use cors::Cors;
use handshakes::Handshakes;
use limits::{InFlight, Rates};
use operators::Operators;

/// What the public listener's handlers work with.
#[derive(Clone, Debug)]
pub struct Public {
    pub plan: Arc<PlanHandle>,
    pub inbox: Inbox,
    pub temporal: Temporal,
    pub jwks: Arc<Jwks>,
    pub telemetry: Telemetry,
    pub body: body::Options,
    pub in_flight: InFlight,
    pub rates: Arc<Rates>,
    pub proxies: Arc<Proxies>,
    pub cors: Cors,
    pub answers: Answers,
    pub handshakes: Arc<Handshakes>,
}

/// What the ops listener's handlers work with.
#[derive(Clone, Debug)]
pub struct Ops {
    pub plan: Arc<PlanHandle>,
    pub inbox: Inbox,
    pub temporal: Temporal,
    pub telemetry: Telemetry,
    pub operators: Arc<Operators>,
    pub handshakes: Arc<Handshakes>,
    /// Address of Temporal's own pages, for links.
    pub temporal_ui: Option<reqwest::Url>,
    /// Set once the process has been asked to stop: `/ready` says no from then on.
    pub draining: Arc<AtomicBool>,
}

/// Webhooks, and query paths for everything else. The outermost layer is the last one named.
pub fn public(gateway: Public) -> Router {
    let mut router = Router::new()
        .route("/hooks/{source}", any(webhooks::receive))
        .fallback(queries::answer)
        .layer(middleware::from_fn_with_state(
            gateway.in_flight.clone(),
            limits::in_flight,
        ))
        .layer(middleware::from_fn_with_state(gateway.clone(), gate::pass));
    if !gateway.cors.is_off() {
        router = router.layer(middleware::from_fn_with_state(gateway.clone(), cors::apply));
    }
    router
        .layer(middleware::from_fn(request_id::assign))
        .with_state(gateway)
}

/// The operators' listener. It has no cap on requests in work: its connections are few.
pub fn ops(ops: Ops) -> Router {
    ops::router(ops).layer(middleware::from_fn(request_id::assign))
}
