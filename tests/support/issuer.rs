//! An identity provider that can rotate its keys and be down: tokens, a JWKS and metadata served on loopback.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use signalpost::clock;

pub(crate) const ISSUER: &str = "https://idp.example/";

/// What is served at one path: its address and what to answer there.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<BTreeMap<String, Page>>>);

#[derive(Clone)]
enum Page {
    Document(String),
    Redirect(String),
}

pub(crate) struct Issuer {
    pages: Pages,
    keys: BTreeMap<String, Ed25519KeyPair>,
    /// None while it is down.
    document: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    address: String,
}

impl Pages {
    fn put(&self, path: &str, page: Page) {
        self.0.lock().expect("pages").insert(path.to_owned(), page);
    }

    fn answer(&self, path: &str) -> Response {
        match self.0.lock().expect("pages").get(path).cloned() {
            Some(Page::Document(text)) => text.into_response(),
            Some(Page::Redirect(to)) => Redirect::temporary(&to).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

impl Issuer {
    /// Serves one key, named `first`.
    pub(crate) async fn start() -> Self {
        let document: Arc<Mutex<Option<String>>> = Arc::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let (shown, counted) = (Arc::clone(&document), Arc::clone(&asked));
        let answer = async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let document = shown.lock().expect("document").clone();
            document.ok_or(StatusCode::SERVICE_UNAVAILABLE)
        };
        let pages = Pages::default();
        let served = pages.clone();
        let other = async move |uri: Uri| served.answer(uri.path());
        let router = Router::new()
            .route("/jwks", get(answer))
            .fallback(get(other));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = format!("http://{}/jwks", socket.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(socket, router).await });
        let mut issuer = Self {
            pages,
            keys: BTreeMap::new(),
            document,
            asked,
            address,
        };
        issuer.publish("first");
        issuer
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its name of itself, where it is found by discovery.
    pub(crate) fn base(&self) -> &str {
        self.address
            .strip_suffix("/jwks")
            .expect("the address of the keys")
    }

    /// A document at a path of its own.
    pub(crate) fn serve(&self, path: &str, document: &Value) {
        self.pages.put(path, Page::Document(document.to_string()));
    }

    pub(crate) fn redirect(&self, path: &str, to: &str) {
        self.pages.put(path, Page::Redirect(to.to_owned()));
    }

    pub(crate) fn remove(&self, path: &str) {
        self.pages.0.lock().expect("pages").remove(path);
    }

    /// How often its keys have been asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// One more key, in the document too.
    pub(crate) fn publish(&mut self, kid: &str) {
        self.make_key(kid);
        *self.document.lock().expect("document") = Some(self.jwks().to_string());
    }

    /// All its keys, also those that it does not publish.
    pub(crate) fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|(kid, key)| {
                let x = URL_SAFE_NO_PAD.encode(key.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// A key that no document shows.
    pub(crate) fn make_key(&mut self, kid: &str) {
        let key = Ed25519KeyPair::generate().expect("a key");
        self.keys.insert(kid.to_owned(), key);
    }

    pub(crate) fn go_down(&self) {
        *self.document.lock().expect("document") = None;
    }

    /// A good token of `subject` under the key `kid`.
    pub(crate) fn token(&self, kid: &str, subject: &str) -> String {
        let expires = clock::now().seconds() + 3600;
        self.token_with(
            kid,
            &json!({ "iss": ISSUER, "aud": "signalpost", "sub": subject, "exp": expires }),
        )
    }

    pub(crate) fn token_with(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.keys[kid].sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
