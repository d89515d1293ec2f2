//! What is left of a request's body once its answer is made, over HTTP/1.1.
//!
//! A rest must be out of the way before the next request can be read. A small one is taken in; with any other the
//! connection ends, and the answer says so: else a client that keeps connections would lose its next request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Version};
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// What is taken in and thrown away; more costs less by a new connection.
const MAX_REST: usize = 64 * 1024;
/// The answer waits so long for it at the most: what is on its way comes, what is dripped does not.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// Where a body comes back to if nobody reads it to its end.
pub(super) struct Rest {
    back: oneshot::Receiver<Incoming>,
    /// The client waits for a word before it sends any of it: asking for the rest would be that word.
    held_back: bool,
    version: Version,
}

/// The request with a body that comes back.
pub(super) fn watch(request: Request<Incoming>) -> (Request<Body>, Rest) {
    let (home, back) = oneshot::channel();
    let rest = Rest {
        back,
        held_back: request.headers().contains_key(EXPECT),
        version: request.version(),
    };
    let request = request.map(|body| {
        Body::new(Watched {
            body: Some(body),
            home: Some(home),
        })
    });
    (request, rest)
}

impl Rest {
    /// Sees to it that the answer holds: the connection goes on, or is said to end.
    pub(super) async fn settle(mut self, answer: &mut Response) {
        let is_read = match self.back.try_recv() {
            Ok(rest) => !self.held_back && take_in(rest).await,
            Err(TryRecvError::Closed) => true,
            // Somebody reads it still, and nobody will wait for that.
            Err(TryRecvError::Empty) => false,
        };
        if is_read {
            return;
        }
        if self.version == Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        } else {
            // In 1.0 a connection ends unless it is said that it does not, which hyper would say in an answer of 1.1.
            *answer.version_mut() = self.version;
        }
    }
}

/// Whether that was all.
async fn take_in(rest: Incoming) -> bool {
    let announced = usize::try_from(rest.size_hint().lower());
    if announced.map_or(true, |announced| announced > MAX_REST) {
        return false;
    }
    let mut rest = Limited::new(rest, MAX_REST);
    let taking = async {
        while let Some(frame) = rest.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(MAX_WAIT, taking)
        .await
        .unwrap_or(false)
}

/// A body that goes home when it is dropped before its end.
struct Watched {
    /// None at its end.
    body: Option<Incoming>,
    home: Option<oneshot::Sender<Incoming>>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if frame.is_none() {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(home)) = (body, self.home.take()) {
            // Who is gone wants nothing back.
            drop(home.send(body));
        }
    }
}
