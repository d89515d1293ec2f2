//! What becomes of the public listener's certificate, and of handshakes.

use crate::clock::Timestamp;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::{ByCertificate, ByListener, ByReason};

/// The only listener that speaks TLS. A label, so that there is no series where there is no TLS.
const PUBLIC: ByListener = ByListener { listener: "public" };

impl Telemetry {
    /// A certificate and its key are now the ones served with.
    pub fn tls_loaded(&self, not_after: Timestamp) {
        tracing::info!(%not_after, "TLS certificate loaded");
        self.metrics
            .tls_reload_successful
            .get_or_create(&PUBLIC)
            .set(1);
        let expiry = self.metrics.tls_expiry.get_or_create(&PUBLIC);
        expiry.set(not_after.seconds());
    }

    /// Its files have changed and cannot be served with; those before go on being served.
    pub fn tls_refused(&self, problem: &str) {
        tracing::error!(problem, "TLS certificate refused, the one before stays");
        self.metrics
            .tls_reload_successful
            .get_or_create(&PUBLIC)
            .set(0);
    }

    /// The certificate in use has come to its end and no other is there.
    pub fn tls_expired(&self, not_after: Timestamp) {
        tracing::error!(%not_after, "the TLS certificate has expired: clients refuse it");
    }

    /// A client that was asked for a certificate has been let in: with one, or without.
    pub fn tls_client(&self, shown: bool) {
        let certificate = if shown { "shown" } else { "none" };
        self.metrics
            .tls_clients
            .get_or_create(&ByCertificate { certificate })
            .inc();
    }

    /// `reason` is a constant and becomes a label.
    pub fn tls_handshake_failed(&self, reason: &'static str) {
        self.metrics
            .tls_handshake_failures
            .get_or_create(&ByReason { reason })
            .inc();
    }
}
