//! From an issuer's name to its keys, by its metadata (OIDC Discovery 1.0 §4, RFC 8414).
//!
//! Metadata are read anew with every fetch of keys, so that an address that has moved is found as soon as
//! keys are asked for. Only the configured issuer is asked, never one that a token names, and what its
//! document points at must be as safe an address as a configured one. The caller bounds the time.

use serde::Deserialize;

use super::fetch::{Error, download};
use crate::token::{Location, LocationFault, metadata_of};

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// The JWKS document of an issuer.
pub(super) async fn read(client: &reqwest::Client, issuer: &str) -> Result<Vec<u8>, Error> {
    Location::discovered(issuer)?;
    let url = jwks_uri(&document(client, issuer).await?, issuer)?;
    download(client, &url).await
}

/// The document of OIDC; where there is none, that of OAuth.
async fn document(client: &reqwest::Client, issuer: &str) -> Result<Vec<u8>, Error> {
    let [oidc, oauth] = metadata_of(issuer);
    match download(client, &oidc).await {
        Err(Error::Status(404)) => download(client, &oauth).await,
        settled => settled,
    }
}

fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, Error> {
    let metadata: Metadata = serde_json::from_slice(document).map_err(|_| Error::NoMetadata)?;
    // To the letter (OIDC Discovery §4.3): else one tenant of a host could stand in for another.
    if metadata.issuer != issuer {
        return Err(Error::OtherIssuer);
    }
    match Location::parse(&metadata.jwks_uri) {
        Ok(Location::Url(url)) => Ok(url),
        Ok(_) => Err(Error::JwksUri(LocationFault::UnknownScheme)),
        Err(fault) => Err(Error::JwksUri(fault)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_must_be_the_issuers_own_and_point_at_a_safe_address() {
        let issuer = "https://a.example/";
        let read = |issued: &str, uri: &str| {
            let document = json!({ "issuer": issued, "jwks_uri": uri }).to_string();
            jwks_uri(document.as_bytes(), issuer)
        };
        assert_eq!(
            read(issuer, "https://keys.example/jwks").unwrap(),
            "https://keys.example/jwks"
        );
        for other in ["https://a.example", "https://b.example/", ""] {
            assert!(matches!(
                read(other, "https://a.example/jwks"),
                Err(Error::OtherIssuer)
            ));
        }
        for uri in [
            "http://a.example/jwks",
            "file:/etc/keys.json",
            "https://user:word@a.example/",
            "gopher://a.example/",
            "",
        ] {
            assert!(matches!(read(issuer, uri), Err(Error::JwksUri(_))), "{uri}");
        }
        for text in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"issuer":"https://a.example/"}"#,
        ] {
            assert!(matches!(
                jwks_uri(text.as_bytes(), issuer),
                Err(Error::NoMetadata)
            ));
        }
    }
}
