//! A Temporal that says yes to everything at once, for the price of an HTTP/2 answer.
//!
//! It reads no message and keeps none: what is measured against it is the gateway. Whether a signal is the right one,
//! the tests find out.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::Failure;

/// A gRPC frame around an empty message: no flags, no length, all fields at their defaults.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

type Trailers = std::future::Ready<Option<Result<HeaderMap, Infallible>>>;

/// Runs until dropped.
pub(crate) struct InstantTemporal {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl InstantTemporal {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self {
            address: listener.local_addr()?,
            accepting: tokio::spawn(accept(listener)),
        })
    }
}

impl Drop for InstantTemporal {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The connections end with it.
async fn accept(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // A socket that cannot be set is only slower.
        let _slower = stream.set_nodelay(true);
        connections.spawn(async move {
            let service = hyper::service::service_fn(answer);
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A client that goes away is nothing to report.
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<WithTrailers<Full<Bytes>, Trailers>>, hyper::Error> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from_static(EMPTY_MESSAGE))
        .with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}
