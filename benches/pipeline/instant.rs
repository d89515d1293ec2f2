//! A Temporal that says yes to everything at once, for the price of an HTTP/2 answer.
//!
//! It reads no message and keeps none: what is measured against it is the gateway. Whether a signal is the right one,
//! the tests find out. It can be slower than that, and it can know of workflows that do not exist, by their ids.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::{Message as _, Name as _};
use temporalio_common::protos::google::rpc;
use temporalio_common::protos::temporal::api::errordetails::v1::NotFoundFailure;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::Failure;

/// A gRPC frame around an empty message: no flags, no length, all fields at their defaults.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

type Trailers = std::future::Ready<Option<Result<HeaderMap, Infallible>>>;
type Answer = Response<WithTrailers<Full<Bytes>, Trailers>>;

/// How it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Before each answer.
    pub(crate) pause: Duration,
    /// No workflow exists with this in its id.
    pub(crate) absent: Option<&'static str>,
}

/// Calls about workflows that do not exist.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    signals: AtomicUsize,
    describes: AtomicUsize,
}

/// Runs until dropped.
pub(crate) struct InstantTemporal {
    pub(crate) address: SocketAddr,
    asked: Arc<Asked>,
    accepting: JoinHandle<()>,
}

impl InstantTemporal {
    pub(crate) async fn start() -> Result<Self, Failure> {
        Self::start_at("127.0.0.1:0", Manner::default()).await
    }

    pub(crate) async fn start_at(address: &str, manner: Manner) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address).await?;
        let asked = Arc::new(Asked::default());
        Ok(Self {
            address: listener.local_addr()?,
            accepting: tokio::spawn(accept(listener, manner, Arc::clone(&asked))),
            asked,
        })
    }

    /// Signals to workflows that do not exist, and descriptions of these.
    pub(crate) fn in_vain(&self) -> (usize, usize) {
        let Asked { signals, describes } = &*self.asked;
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (count(signals), count(describes))
    }
}

impl Drop for InstantTemporal {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The connections end with it.
async fn accept(listener: TcpListener, manner: Manner, asked: Arc<Asked>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // A socket that cannot be set is only slower.
        let _slower = stream.set_nodelay(true);
        let asked = Arc::clone(&asked);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                answer(request, manner, Arc::clone(&asked))
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A client that goes away is nothing to report.
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    manner: Manner,
    asked: Arc<Asked>,
) -> Result<Answer, hyper::Error> {
    let described = request.uri().path().ends_with("/DescribeWorkflowExecution");
    let mut body = request.into_body();
    let mut is_absent = false;
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        // A frame holds a whole message here: they are small.
        if let (Some(absent), Some(data)) = (manner.absent, frame.data_ref()) {
            let found = data.windows(absent.len()).any(|it| it == absent.as_bytes());
            is_absent |= found;
        }
    }
    if !manner.pause.is_zero() {
        tokio::time::sleep(manner.pause).await;
    }
    if is_absent {
        let count = if described {
            &asked.describes
        } else {
            &asked.signals
        };
        count.fetch_add(1, Ordering::Relaxed);
        return Ok(not_found());
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Bytes::from_static(EMPTY_MESSAGE);
    Ok(response(body, Some(Ok(trailers))))
}

fn response(body: Bytes, trailers: Option<Result<HeaderMap, Infallible>>) -> Answer {
    let body = Full::new(body).with_trailers(std::future::ready(trailers));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}

/// As Temporal says it: the status travels in the headers, with one detail message, which is empty.
fn not_found() -> Answer {
    let mut response = response(Bytes::new(), None);
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from_static("5"));
    let status = rpc::Status {
        code: 5,
        message: String::new(),
        details: vec![prost_wkt_types::Any {
            type_url: format!("type.googleapis.com{}", NotFoundFailure::type_url()),
            value: Vec::new(),
        }],
    };
    let details = STANDARD_NO_PAD.encode(status.encode_to_vec());
    if let Ok(details) = HeaderValue::try_from(details) {
        headers.insert("grpc-status-details-bin", details);
    }
    response
}
