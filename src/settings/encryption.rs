//! TLS of the public listener: from three paths to [`Tls`], or to none of it.

use std::sync::Arc;

use super::{Error, ServeSettings};
use crate::server::tls::{Paths, Tls};

impl ServeSettings {
    pub(super) fn tls(&self) -> Result<Option<Arc<Tls>>, Error> {
        if self.tls_client_auth.is_some() && self.tls_client_ca.is_none() {
            return Err(Error::ClientAuthAlone);
        }
        let (cert, key) = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => (cert.clone(), key.clone()),
            (Some(_), None) => return Err(half("--tls-cert", "--tls-key")),
            (None, Some(_)) => return Err(half("--tls-key", "--tls-cert")),
            (None, None) if self.tls_client_ca.is_some() => {
                return Err(half("--tls-client-ca", "--tls-cert and --tls-key"));
            }
            (None, None) => return Ok(None),
        };
        let paths = Paths {
            cert,
            key,
            client_ca: self.tls_client_ca.clone(),
            client_auth: self.tls_client_auth.unwrap_or_default(),
        };
        Ok(Some(Arc::new(Tls::open(paths)?)))
    }
}

fn half(given: &'static str, missing: &'static str) -> Error {
    Error::HalfOfTls { given, missing }
}
