//! The way to the ops listener, and its refusals as sentences that say what to check.
//!
//! The token goes out as a header and is in no error. Redirects are not followed: they could lead it
//! elsewhere.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{OpsListener, root_cause};

const TOKEN: &str = "SIGNALPOST_OPS_TOKEN";
const CONNECT: Duration = Duration::from_secs(5);
/// A part of a bulk action takes the gateway some ten seconds.
const ANSWER: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(in crate::cli) struct Client {
    http: reqwest::Client,
    base: Url,
    has_token: bool,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Error {
    #[error("{0}")]
    Address(String),
    #[error("{TOKEN} cannot be sent: a token is printable ASCII")]
    Token,
    #[error("no HTTP client can be made: {0}")]
    Client(reqwest::Error),
    #[error(
        "{url} cannot be reached ({cause}): is the gateway running there, and is --ops-url \
         (SIGNALPOST_OPS_URL) the address of its ops listener, --ops-listen?"
    )]
    Unreachable { url: Url, cause: String },
    #[error("the gateway's answer broke off: {0}")]
    BrokeOff(String),
    #[error(
        "{url} answers {status}, but not as the ops listener of a gateway does: is --ops-url \
         (SIGNALPOST_OPS_URL) the address of its --ops-listen?"
    )]
    Foreign { url: Url, status: StatusCode },
    #[error("the gateway wants a token: set {TOKEN}")]
    NoToken,
    #[error("the gateway does not know the token in {TOKEN}")]
    WrongToken,
    #[error("{0}")]
    Refused(Problem),
    #[error("no {what} has the id {id}")]
    Unknown { what: &'static str, id: String },
}

/// RFC 9457, as the gateway says it.
#[derive(Clone, Debug, Deserialize, thiserror::Error)]
#[error("{title}{} ({code})", .detail.as_ref().map(|d| format!(" {d}")).unwrap_or_default())]
pub(in crate::cli) struct Problem {
    pub(super) title: String,
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) detail: Option<String>,
    pub(super) count: Option<u64>,
}

impl Client {
    pub(in crate::cli) fn new(ops: &OpsListener) -> Result<Self, Error> {
        let base = ops.url().map_err(Error::Address)?;
        let mut headers = HeaderMap::new();
        let token = std::env::var_os(TOKEN).map(|token| format!("Bearer {}", token.display()));
        let has_token = token.is_some();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&token).map_err(|_| Error::Token)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ANSWER);
        if is_this_machine(&base) {
            http = http.no_proxy();
        }
        Ok(Self {
            http: http.build().map_err(Error::Client)?,
            base,
            has_token,
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Error> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.answer(self.http.get(url.clone()), url).await
    }

    pub(in crate::cli) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
    ) -> Result<T, Error> {
        let url = self.url(path);
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        self.answer(request, url).await
    }

    /// Below `/v1`, each part percent-encoded.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only an address without a host has no path to extend, and such a one is not http.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        url: Url,
    ) -> Result<T, Error> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let cause = root_cause(&error);
                return Err(Error::Unreachable { url, cause });
            }
        };
        let status = answer.status();
        let bytes = answer
            .bytes()
            .await
            .map_err(|error| Error::BrokeOff(root_cause(&error)))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|_| Error::Foreign { url, status });
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if problem.status == 401 && self.has_token => Err(Error::WrongToken),
            Ok(problem) if problem.status == 401 => Err(Error::NoToken),
            Ok(problem) => Err(Error::Refused(problem)),
            Err(_) => Err(Error::Foreign { url, status }),
        }
    }
}

impl Error {
    /// A 404 as what it means for this id.
    pub(super) fn about(self, what: &'static str, id: &str) -> Self {
        match self {
            Self::Refused(problem) if problem.status == 404 => Self::Unknown {
                what,
                id: id.to_owned(),
            },
            other => other,
        }
    }

    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// A proxy of the environment knows nothing of addresses on this machine.
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
