//! Reads a request's body, never more than a cap and never for longer than a deadline.
//!
//! Knows nothing of what the bytes mean. The error says what was wrong; `error` says how that is
//! answered.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub max_bytes: usize,
    /// For the whole body: a client that drips cannot stretch it.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body did not arrive within {within:?}")]
    TooSlow { within: Duration },
    #[error("the connection broke off within the body")]
    BrokenOff,
}

/// A body announced as too large is refused before a byte of it is read.
pub async fn read(body: Body, options: Options) -> Result<Bytes, Error> {
    let limit = options.max_bytes;
    let too_large = Error::TooLarge { limit };
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
        return Err(too_large);
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(options.timeout, collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err(Error::BrokenOff),
        Err(_) => Err(Error::TooSlow {
            within: options.timeout,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        max_bytes: 4,
        timeout: Duration::from_millis(50),
    };

    #[tokio::test]
    async fn a_body_up_to_the_cap_is_read_whole() {
        assert_eq!(read(Body::from("four"), OPTIONS).await.unwrap(), "four");
        assert_eq!(read(Body::empty(), OPTIONS).await.unwrap(), "");
    }

    #[tokio::test]
    async fn one_byte_more_is_too_large() {
        let error = read(Body::from("fives"), OPTIONS).await.unwrap_err();
        assert_eq!(error, Error::TooLarge { limit: 4 });
    }
}
