//! Requests as a caller may write them, good and bad: over reqwest, or as raw bytes on a socket.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::gateway::Gateway;
use super::sender;

/// What came back, with everything that a caller can see.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    /// Null where the body is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn event(&self) -> &str {
        self.body["event"]
            .as_str()
            .unwrap_or_else(|| panic!("an event id in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer {
        status,
        headers,
        text,
        body,
    }
}

/// A POST with exactly these headers.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let mut request = reqwest::Client::new().post(url).body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await
}

pub(crate) async fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = reqwest::Client::new().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await
}

pub(crate) fn mac(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}

/// `t=…,v1=…` as Stripe signs `body` at the time `text`, whatever that text is.
pub(crate) fn stripe_signature(secret: &str, text: &str, body: &[u8]) -> String {
    let signed = [text.as_bytes(), b".", body].concat();
    format!(
        "t={text},v1={}",
        hex::encode(mac(secret.as_bytes(), &signed))
    )
}

/// A webhook of the source `stripe`, signed now.
pub(crate) async fn stripe(gateway: &Gateway, body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(sender::STRIPE_SECRET, &now, &body);
    let url = format!("{}/hooks/stripe", gateway.public());
    let headers = [
        ("Stripe-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    post(&url, &headers, body).await
}

/// A connection to the public listener on which `bytes` have been written.
pub(crate) async fn connect(gateway: &Gateway, bytes: &[u8]) -> TcpStream {
    let address = gateway.public().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("written");
    stream
}

/// Everything that still comes on a connection, up to its end.
pub(crate) async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("read");
    String::from_utf8_lossy(&bytes).into_owned()
}
