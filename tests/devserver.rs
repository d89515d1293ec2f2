//! The dev server itself: it comes up with what was asked for, and goes for good.

use std::path::Path;
use std::time::Duration;

use signalpost::devserver::{DevServer, Options, binary};
use signalpost::inbox::Settlement;

use super::support::deliveries::{Connected, attempt, starting};

/// None where the tests use a server that somebody else runs.
async fn options() -> Option<Options> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let found = binary::find(&directory, &|line| eprintln!("{line}")).await;
    match found.expect("a Temporal to test against") {
        binary::Found::Address(_) => None,
        binary::Found::Program(binary) => Some(Options {
            binary,
            ..Options::default()
        }),
    }
}

async fn is_reachable(address: &str) -> bool {
    tokio::net::TcpStream::connect(address).await.is_ok()
}

#[tokio::test]
async fn it_has_the_namespaces_and_the_interface_asked_for_and_ends_when_told() {
    let Some(mut options) = options().await else {
        return;
    };
    options.ui = true;
    options.namespaces = vec!["orders".to_owned()];
    let server = DevServer::start(&options).await.unwrap();
    let address = server.address();
    let ui = server.ui_url().unwrap();
    let ui = ui.strip_prefix("http://").unwrap();
    assert!(is_reachable(ui).await);

    let connected = Connected::to(&address).await;
    let mut sent = starting("order-1");
    sent.target.namespace = "orders".to_owned();
    let settlement = attempt(&connected.temporal, &sent, Duration::from_secs(10)).await;
    assert!(matches!(settlement, Settlement::Delivered { .. }));

    server.stop().await.unwrap();
    assert!(!is_reachable(&address).await);
}

#[tokio::test]
async fn a_connection_comes_back_with_the_server() {
    let Some(mut options) = options().await else {
        return;
    };
    let server = DevServer::start(&options).await.unwrap();
    let address = server.address();
    let (_, port) = address.rsplit_once(':').unwrap();
    options.port = Some(port.parse().unwrap());
    let connected = Connected::to(&address).await;
    server.kill().await.unwrap();

    let sent = starting("order-1");
    let away = attempt(&connected.temporal, &sent, Duration::from_secs(5)).await;
    assert!(
        matches!(away, Settlement::Retry { .. } | Settlement::Unseen { .. }),
        "{away:?}"
    );
    let again = DevServer::start(&options).await.unwrap();
    connected.until_connections(2).await;
    let back = attempt(&connected.temporal, &sent, Duration::from_secs(5)).await;
    assert!(matches!(back, Settlement::Delivered { .. }), "{back:?}");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let Some(mut options) = options().await else {
        return;
    };
    options.extra = vec!["--no-such-flag".to_owned()];
    let error = DevServer::start(&options).await.unwrap_err();
    assert!(error.to_string().contains("no-such-flag"), "{error}");
}

/// Takes minutes where Go has nothing in its cache; `tests/run` has filled it.
#[tokio::test]
async fn what_is_nowhere_is_built_once() {
    if std::process::Command::new("go")
        .arg("version")
        .output()
        .is_err()
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let say = |line: &str| eprintln!("{line}");
    let (one, other) = tokio::join!(
        binary::find(folder.path(), &say),
        binary::find(folder.path(), &say)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one, other);
    if let binary::Found::Program(binary) = one {
        let options = Options {
            binary,
            ..Options::default()
        };
        DevServer::start(&options)
            .await
            .unwrap()
            .stop()
            .await
            .unwrap();
    }
}
