//! Against a small issuer on loopback, which counts how often it is asked.

mod certificates;
mod single;
mod site;

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use super::*;
use crate::token::{Algorithm, Issuer};

const ONE_KEY: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const TWO_KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"OKP","crv":"Ed25519","kid":"k2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// What the issuer answers, and how often it was asked.
#[derive(Default)]
struct Idp {
    document: Mutex<Option<String>>,
    asked: AtomicUsize,
}

impl Idp {
    async fn start(document: Option<&str>) -> (Arc<Self>, Location) {
        let idp = Arc::new(Self::default());
        idp.publish(document);
        let app = Router::new()
            .route("/jwks", get(Self::answer))
            .route("/moved", get(|| async { Redirect::temporary("/jwks") }))
            .with_state(Arc::clone(&idp));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        (idp, Location::Url(format!("http://{address}/jwks")))
    }

    fn publish(&self, document: Option<&str>) {
        *self.document.lock().unwrap() = document.map(str::to_owned);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    #[expect(clippy::unused_async, reason = "a handler is a future")]
    async fn answer(State(idp): State<Arc<Self>>) -> Response {
        idp.asked.fetch_add(1, Ordering::SeqCst);
        match idp.document.lock().unwrap().clone() {
            Some(document) => document.into_response(),
            None => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

fn issuer(keys: &Location) -> Issuer {
    Issuer {
        name: "corp".into(),
        issuer: "https://idp.example.com/".to_owned(),
        audience: vec!["signalpost".to_owned()],
        parties: Vec::new(),
        algorithms: vec![Algorithm::EdDSA],
        keys: Some(keys.clone()),
        ring: KeyRing::default(),
        roles: None,
    }
}

fn ring(issuer: &Issuer) -> (&Location, &KeyRing) {
    (issuer.keys.as_ref().unwrap(), &issuer.ring)
}

/// Runs until the sender is dropped.
fn start(options: Options) -> (Arc<Jwks>, oneshot::Sender<()>) {
    let jwks = Arc::new(Jwks::new(options).unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(Arc::clone(&jwks).run(async move { drop(stopped.await) }));
    (jwks, stop)
}

fn quick() -> Options {
    Options {
        on_demand: Duration::ZERO,
        file_refresh: Duration::from_millis(20),
        backoff: (Duration::from_millis(10), Duration::from_millis(40)),
        ..Options::default()
    }
}

fn held(issuer: &Issuer) -> usize {
    issuer.ring.current().map_or(0, |keys| keys.count())
}

/// Waits until the issuer's ring holds so many keys.
async fn until(issuer: &Issuer, count: usize) {
    let reached = async {
        while held(issuer) != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.unwrap();
}

#[tokio::test]
async fn keys_are_fetched_at_start_and_handed_on_at_reload() {
    let (idp, location) = Idp::start(Some(ONE_KEY)).await;
    let (jwks, _stop) = start(Options::default());
    let first = issuer(&location);
    jwks.adopt(&[ring(&first)]);
    until(&first, 1).await;
    let second = issuer(&location);
    jwks.adopt(&[ring(&second)]);
    assert_eq!(held(&second), 1, "at once, without a fetch");
    assert_eq!(idp.asked(), 1);
    jwks.adopt(&[]);
    assert!(!jwks.refresh(&location).await, "forgotten");
}

#[tokio::test]
async fn one_demand_in_ten_seconds_is_fetched() {
    let (idp, location) = Idp::start(Some(ONE_KEY)).await;
    let (jwks, _stop) = start(Options::default());
    let issuer = issuer(&location);
    jwks.adopt(&[ring(&issuer)]);
    until(&issuer, 1).await;
    idp.publish(Some(TWO_KEYS));
    for _ in 0..5 {
        jwks.refresh(&location).await;
    }
    assert_eq!(idp.asked(), 1);
    assert_eq!(held(&issuer), 1);
}

#[tokio::test]
async fn callers_at_one_moment_share_a_fetch() {
    let (idp, location) = Idp::start(Some(ONE_KEY)).await;
    let (jwks, _stop) = start(quick());
    let issuer = issuer(&location);
    jwks.adopt(&[ring(&issuer)]);
    until(&issuer, 1).await;
    idp.publish(Some(TWO_KEYS));
    // On one thread: all three have asked before the task gets its turn.
    let (a, b, c) = tokio::join!(
        jwks.refresh(&location),
        jwks.refresh(&location),
        jwks.refresh(&location)
    );
    assert!(a && b && c);
    assert_eq!(held(&issuer), 2);
    assert_eq!(idp.asked(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_again_and_its_last_keys_stay() {
    let (idp, location) = Idp::start(None).await;
    let (jwks, _stop) = start(quick());
    let issuer = issuer(&location);
    jwks.adopt(&[ring(&issuer)]);
    assert!(!jwks.refresh(&location).await);
    idp.publish(Some(ONE_KEY));
    until(&issuer, 1).await;
    for broken in [None, Some("<html>"), Some(r#"{"keys":[]}"#)] {
        idp.publish(broken);
        assert!(!jwks.refresh(&location).await);
        assert_eq!(held(&issuer), 1);
    }
    idp.publish(Some(TWO_KEYS));
    until(&issuer, 2).await;
}

#[tokio::test]
async fn redirects_and_floods_are_refused() {
    let (idp, location) = Idp::start(Some(&"x".repeat(1024 * 1024 + 1))).await;
    let client = fetch::client().unwrap();
    let read = async |location| fetch::read(&client, location, Duration::from_secs(5)).await;
    assert!(matches!(read(&location).await, Err(Error::TooLong(_))));
    let moved = Location::Url(location.to_string().replace("/jwks", "/moved"));
    assert!(matches!(read(&moved).await, Err(Error::Status(307))));
    assert_eq!(idp.asked(), 1);
    let plain = Location::Url("http://192.0.2.1/jwks".to_owned());
    assert!(matches!(read(&plain).await, Err(Error::Location(_))));
}

#[tokio::test]
async fn a_silent_issuer_is_given_up() {
    // Accepts connections by its backlog and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = Location::Url(format!("http://{}/jwks", listener.local_addr().unwrap()));
    let client = fetch::client().unwrap();
    let read = fetch::read(&client, &location, Duration::from_millis(50)).await;
    assert!(matches!(read, Err(Error::TooSlow)));
}

#[tokio::test]
async fn while_an_issuer_is_silent_only_so_many_callers_wait() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = Location::Url(format!("http://{}/jwks", listener.local_addr().unwrap()));
    let (jwks, _stop) = start(quick());
    let issuer = issuer(&location);
    jwks.adopt(&[ring(&issuer)]);
    let mut waiting = JoinSet::new();
    for _ in 0..MAX_WAITING {
        let (jwks, location) = (Arc::clone(&jwks), location.clone());
        waiting.spawn(async move { jwks.refresh(&location).await });
    }
    let all_wait = async {
        while jwks.slots()[&location].attempts.receiver_count() < MAX_WAITING {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), all_wait).await.unwrap();
    let at_once = timeout(Duration::from_secs(1), jwks.refresh(&location)).await;
    assert_eq!(at_once, Ok(false));
    assert_eq!(waiting.len(), MAX_WAITING, "the others go on waiting");
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let folder = std::env::temp_dir().join(format!("signalpost-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("keys.json");
    std::fs::write(&path, ONE_KEY).unwrap();
    let (jwks, _stop) = start(quick());
    let keys = Location::File(path.clone());
    let issuer = issuer(&keys);
    jwks.adopt(&[ring(&issuer)]);
    until(&issuer, 1).await;
    std::fs::write(&path, TWO_KEYS).unwrap();
    until(&issuer, 2).await;
    std::fs::remove_dir_all(&folder).unwrap();
    // The first one may still join a look that began before.
    while jwks.refresh(&keys).await {}
    assert_eq!(held(&issuer), 2, "the last good keys stay");
}
