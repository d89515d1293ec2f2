//! One handshake: from a connection to an encrypted one, in its time.
//!
//! Failures are counted by cause and told at debug only: scanners, health checks and browsers fail
//! handshakes all day long, and none of it is for a person to see to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::InvalidMessage;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Tls, pair};
use crate::telemetry::Telemetry;

/// What a listener opens its connections with.
#[derive(Clone, Debug)]
pub(in crate::server) struct Security {
    tls: Arc<Tls>,
    telemetry: Telemetry,
}

impl Security {
    pub(in crate::server) fn new(tls: Arc<Tls>, telemetry: Telemetry) -> Self {
        Self { tls, telemetry }
    }

    /// Until `due` at the latest. Failed: the connection, if there is anything left to say on it.
    pub(in crate::server) async fn open(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        due: Instant,
    ) -> Result<TlsStream<TcpStream>, Option<TcpStream>> {
        let accepting = TlsAcceptor::from(self.tls.config())
            .accept(stream)
            .into_fallible();
        match timeout_at(due, accepting).await {
            Ok(Ok(stream)) => {
                if self.tls.asks_clients() {
                    let shown = stream.get_ref().1.peer_certificates().is_some();
                    self.telemetry.tls_client(shown);
                }
                Ok(stream)
            }
            Ok(Err((error, stream))) => {
                tracing::debug!(%error, %peer, "a TLS handshake failed");
                self.telemetry.tls_handshake_failed(reason(&error));
                Err(Some(stream))
            }
            Err(_) => {
                tracing::debug!(%peer, "a TLS handshake took too long");
                self.telemetry.tls_handshake_failed("timeout");
                Err(None)
            }
        }
    }
}

/// What both sides have agreed on.
pub(in crate::server) fn speaks_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(pair::HTTP_2)
}

/// A constant: it becomes a label.
fn reason(error: &io::Error) -> &'static str {
    let of_tls = error.get_ref().and_then(|e| e.downcast_ref());
    match of_tls {
        None => "closed",
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => "not_tls",
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            "client_certificate"
        }
        Some(rustls::Error::AlertReceived(_)) => "refused_by_client",
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
            "incompatible"
        }
        Some(_) => "malformed",
    }
}
