//! One read of a JWKS document or a certificate, bounded in time and size, by way of an issuer's metadata where need be.
//!
//! https, or http on loopback; no redirects, since each could lead where the config did not.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::discovery;
use crate::telemetry::log;
use crate::token::keys::KeySetFault;
use crate::token::{Location, LocationFault};
use crate::verify::certificates::CertificateFault;

/// No issuer's document comes near it.
const MAX_BYTES: usize = 1024 * 1024;
/// A chain of certificates is a few kilobytes.
const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;
/// One key is less than a kilobyte.
const MAX_KEY_BYTES: usize = 64 * 1024;

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the HTTP client cannot be built: {0}")]
    Client(#[source] reqwest::Error),
    #[error(transparent)]
    Location(#[from] LocationFault),
    #[error("{}", log::causes(.0))]
    Http(#[source] reqwest::Error),
    #[error("the answer is {0}, not 200")]
    Status(u16),
    #[error("longer than {0} bytes")]
    TooLong(usize),
    #[error("no answer in time")]
    TooSlow,
    #[error("the file cannot be read: {0}")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
    #[error("the certificate of its issuer, {0}: {1}")]
    Issuer(String, #[source] Box<Error>),
    #[error(transparent)]
    Keys(#[from] KeySetFault),
    #[error("the credentials are refused")]
    Credentials,
    #[error("the answer holds no key with this id")]
    NoKey,
    #[error("the issuer's metadata are not JSON with `issuer` and `jwks_uri`")]
    NoMetadata,
    #[error("the metadata are of another issuer")]
    OtherIssuer,
    #[error("`jwks_uri` of the issuer's metadata: {0}")]
    JwksUri(#[source] LocationFault),
}

pub(super) fn client() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("signalpost/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(Error::Client)
}

/// Ends within `limit`, whatever the other side or the file system does.
pub(super) async fn read(
    client: &reqwest::Client,
    location: &Location,
    limit: Duration,
) -> Result<Vec<u8>, Error> {
    let reading = async {
        match location {
            Location::Url(url) => {
                // Whoever built the location should have parsed it; a second look costs nothing.
                Location::parse(url)?;
                download(client, url).await
            }
            Location::File(path) => load(path).await,
            Location::Discovery(issuer) => discovery::read(client, issuer).await,
        }
    };
    tokio::time::timeout(limit, reading)
        .await
        .unwrap_or(Err(Error::TooSlow))
}

async fn load(path: &Path) -> Result<Vec<u8>, Error> {
    // Opening a pipe would hold a thread until somebody writes into it.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(std::io::Error::other("it is not a regular file").into());
    }
    let file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .await?;
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLong(MAX_BYTES));
    }
    Ok(bytes)
}

pub(super) async fn download(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, Error> {
    let request = client.get(url).header("accept", "application/json");
    body(request, MAX_BYTES).await
}

/// By https alone, whatever host.
pub(super) async fn certificate(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, Error> {
    if !url.starts_with("https://") {
        return Err(LocationFault::PlainHttp.into());
    }
    body(client.get(url), MAX_CERTIFICATE_BYTES).await
}

async fn body(request: reqwest::RequestBuilder, limit: usize) -> Result<Vec<u8>, Error> {
    let response = request.send().await.map_err(Error::Http)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(Error::Status(response.status().as_u16()));
    }
    content(response, limit).await
}

/// Status and body, whatever the status is. The credentials travel in `body` alone.
pub(super) async fn ask(
    client: &reqwest::Client,
    url: &str,
    body: Vec<u8>,
) -> Result<(u16, Vec<u8>), Error> {
    Location::parse(url)?;
    let request = client.post(url).header("content-type", "application/json");
    let response = request.body(body).send().await.map_err(Error::Http)?;
    let status = response.status().as_u16();
    Ok((status, content(response, MAX_KEY_BYTES).await?))
}

async fn content(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::Http)? {
        if bytes.len() + chunk.len() > limit {
            return Err(Error::TooLong(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
