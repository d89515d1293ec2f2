//! What every public request passes first: who calls, whether that address may, and whether it could be put on
//! record.
//!
//! Sets the client's address in the place of the peer's, so that nothing behind it knows of proxies. An address
//! beyond its rate is turned away before its body is read; of each such address one audit line a minute is written,
//! for a line for each request would let a flood push the record out of its files. The metric counts all of them.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Public;
use super::error::Failure;
use super::limits::TurnedAway;
use super::refused;
use super::request_id::RequestId;
use super::traced;
use crate::telemetry::audit::{Entry, Subject};

pub(super) async fn pass(
    State(gateway): State<Public>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = gateway.proxies.client(peer, request.headers());
    if gateway.telemetry.tracer().is_on() {
        let incoming = traced::incoming(request.headers(), gateway.proxies.trust(peer.ip()));
        request.extensions_mut().insert(incoming);
    }
    let extensions = request.extensions_mut();
    extensions.insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    if let Err(TurnedAway { wait, first }) = gateway.rates.address(client, Instant::now()) {
        gateway.telemetry.turned_away();
        if first {
            let recorded = gateway.telemetry.audit(Entry {
                request: &RequestId::of(request.extensions()),
                action: "request",
                outcome: "refused",
                who: &client.to_string(),
                subject: Subject::Process {},
                workflow: None,
                events: None,
                reason: Some("address_rate"),
            });
            if !recorded {
                return Failure::AuditAway.into_response();
            }
        }
        return refused::after(Failure::AddressRate, wait.0);
    }
    if !gateway.telemetry.may_be_recorded() {
        return Failure::AuditAway.into_response();
    }
    next.run(request).await
}
