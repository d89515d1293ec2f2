//! Why there is no connection to Temporal, as a sentence that says what to do. Pure.
//!
//! TLS and credentials fail for reasons that an operator can mend; the libraries tell them as nested debug prints.
//! Imports `error` and `telemetry::log`.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as Tls};
use temporalio_client::errors::ClientConnectError;
use tonic::{Code, Status};

use super::error;
use crate::telemetry::log;

/// Why connecting came to nothing; `encrypted`: whether it was by TLS.
pub(super) fn of_connecting(error: &ClientConnectError, encrypted: bool) -> String {
    match error {
        ClientConnectError::SystemInfoCallError(status) if encrypted && was_cut(status) => {
            CUT.to_owned()
        }
        ClientConnectError::TonicTransportError(error) => {
            of_tls(error).unwrap_or_else(|| log::causes(error))
        }
        ClientConnectError::SystemInfoCallError(status) => of_status(status),
        other => log::causes(other),
    }
}

/// With TLS 1.3 a server looks at our certificate when we believe to be connected, and what it says then is lost in the
/// libraries as often as not.
const CUT: &str = "Temporal ended the connection before it answered; if it asks for certificates, look at \
                   TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH";

/// Connected, and then broken off, not answered.
fn was_cut(status: &Status) -> bool {
    let ours = status.code() == Code::Cancelled || Error::source(status).is_some();
    ours && error::had_connection(status) && Error::source(status).and_then(of_tls).is_none()
}

/// The server's own words, unless it is TLS that failed.
pub(super) fn of_status(status: &Status) -> String {
    let tls = Error::source(status).and_then(of_tls);
    tls.unwrap_or_else(|| error::message(status))
}

/// Whether it is our credentials that are refused, and not our coming.
pub(super) fn is_refusal(error: &ClientConnectError) -> bool {
    matches!(error, ClientConnectError::SystemInfoCallError(status)
        if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied))
}

fn of_tls(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<Tls>());
        if let Some(tls) = tls.or_else(|| error.downcast_ref::<Tls>()) {
            return Some(sentence(tls));
        }
        // An error within an error of the system is not among its sources.
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn sentence(error: &Tls) -> String {
    match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "Temporal's certificate is of no authority that is trusted here; give its CA with TEMPORAL_TLS_SERVER_CA_CERT_PATH"
                .to_owned()
        }
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "Temporal's certificate is for another name; say which with TEMPORAL_TLS_SERVER_NAME".to_owned(),
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "Temporal's certificate has expired".to_owned()
        }
        Tls::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied),
        ) => format!(
            "Temporal does not take our certificate ({alert:?}); look at TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"
        ),
        other => format!("TLS with Temporal failed: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_found_however_deep_it_lies() {
        let tls = Tls::InvalidCertificate(CertificateError::UnknownIssuer);
        let within = io::Error::other(io::Error::other(tls));
        let status = Status::from_error(Box::new(within));
        assert!(of_status(&status).contains("TEMPORAL_TLS_SERVER_CA_CERT_PATH"));
        let alert = Tls::AlertReceived(AlertDescription::CertificateRequired);
        let told = of_tls(&io::Error::new(io::ErrorKind::InvalidData, alert)).unwrap();
        assert!(told.contains("TEMPORAL_TLS_CLIENT_CERT_PATH"), "{told}");
        assert_eq!(of_tls(&io::Error::other("reset")), None);
        assert_eq!(of_status(&Status::unavailable("away")), "away");
    }

    #[test]
    fn a_connection_that_is_cut_may_be_for_want_of_a_certificate() {
        let cut = Status::from_error(Box::new(io::Error::other("reset")));
        for status in [cut, Status::cancelled("operation was canceled")] {
            let error = ClientConnectError::SystemInfoCallError(status);
            assert_eq!(of_connecting(&error, true), CUT);
            assert_ne!(of_connecting(&error, false), CUT);
        }
        let never = Status::from_error(Box::new(tonic::ConnectError("refused".into())));
        let answered = Status::unknown("what?");
        for status in [never, answered] {
            let error = ClientConnectError::SystemInfoCallError(status);
            assert_ne!(of_connecting(&error, true), CUT);
        }
    }
}
