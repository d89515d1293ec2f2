//! The same as an operator meets it: exit codes, `/ready`, the log, and no password anywhere.

use std::path::PathBuf;

use super::serve;
use crate::support::eventually;
use crate::support::gateway::Setup;
use crate::support::redis::{Redis, certificates};

pub(super) const ROUTES: &str = "[sources.a]\nprovider = \"stripe\"\nsecrets = [\"env:SECRET\"]\n";

const SECRET: (&str, &str) = ("SECRET", "a secret of a fair length");

fn setup(store: String) -> Setup {
    Setup::new(ROUTES, "127.0.0.1:1")
        .env(SECRET.0, SECRET.1)
        .store(PathBuf::from(store))
}

#[tokio::test]
async fn a_bad_address_is_a_usage_error_and_a_bad_server_a_problem() {
    let redis = Redis::with(&["--requirepass", "hunter2-right"]).await;
    let port = redis.port();
    let wrong = format!("redis://:hunter2-wrong@127.0.0.1:{port}");
    for (store, code, said) in [
        (
            "redis://:hunter2-wrong@127.0.0.1:port",
            2,
            "a port is no number",
        ),
        (&wrong, 1, "refuses the user or the password"),
        (&format!("redis://127.0.0.1:{port}"), 1, "wants a password"),
    ] {
        for by_flag in [true, false] {
            let flags = ["--store", store];
            let flags = if by_flag { &flags[..] } else { &[] };
            let mut env = vec![SECRET, ("TEMPORAL_ADDRESS", "127.0.0.1:1")];
            if !by_flag {
                env.push(("SIGNALPOST_STORE", store));
            }
            let (exit, output) = serve(flags, &env);
            assert_eq!(exit, Some(code), "{output}");
            assert!(
                output.contains(said) && !output.contains("hunter2"),
                "{output}"
            );
        }
    }
    let (exit, output) = serve(&["--help"], &[("SIGNALPOST_STORE", &wrong)]);
    assert_eq!(exit, Some(0), "{output}");
    assert!(
        output.contains("--redis-durability") && !output.contains("hunter2"),
        "{output}"
    );
}

#[tokio::test]
async fn ready_shows_the_server_and_says_no_while_it_is_away() {
    let mut redis = Redis::start().await;
    let gateway = setup(redis.url()).start().await;
    let (status, ready) = gateway.get("/ready").await;
    let store = &ready["checks"]["store"];
    assert_eq!(
        (status, &store["ok"]),
        (200, &serde_json::json!(true)),
        "{ready}"
    );
    assert_eq!(store["redis"]["appendfsync"], "always");
    assert_eq!(store["redis"]["durability"], "fsync");
    gateway
        .says(&["Redis is connected", "appendfsync=always"])
        .await;
    gateway.says(&["held no store", "signalpost"]).await;
    assert!(
        gateway
            .metrics()
            .await
            .contains("\nsignalpost_redis_round_trip_seconds 0.0")
    );
    redis.kill();
    eventually("it is not ready", || async {
        gateway.get("/ready").await.0 == 503
    })
    .await;
    redis.restart().await;
    eventually("it is ready again", || async {
        gateway.get("/ready").await.0 == 200
    })
    .await;
    gateway.says(&["the store can promise again"]).await;
}

#[tokio::test]
async fn a_user_a_password_from_a_file_and_tls_are_never_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = "user default off\nuser ann on >hunter2-file ~{signalpost}* &{signalpost}* +@all\n";
    std::fs::write(folder.path().join("users.acl"), users).expect("a file");
    let redis = certificates::start_in(folder, &["--aclfile", "FOLDER/users.acl"]).await;
    let store = certificates::url(&redis).replace("rediss://", "rediss://ann@");
    let authority = certificates::authority(&redis).display().to_string();
    let mut gateway = setup(store)
        .file("password", "hunter2-file\n")
        .env("SIGNALPOST_REDIS_CA", &authority)
        .env("SIGNALPOST_LOG", "trace")
        .flag("--redis-password-file", "FOLDER/password")
        .start()
        .await;
    let (status, ready) = gateway.get("/ready").await;
    assert_eq!(status, 200, "{ready}");
    let metrics = gateway.metrics().await;
    gateway.terminate();
    gateway.exited().await;
    let said = format!("{} {ready} {metrics}", gateway.log());
    assert!(said.contains("Redis is connected"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Redis away is no reason not to start: whoever asks is told to come again.
#[tokio::test]
async fn a_gateway_starts_without_redis_and_is_ready_once_it_is_there() {
    let mut redis = Redis::start().await;
    redis.kill();
    let gateway = setup(redis.url()).start().await;
    let (status, ready) = gateway.get("/ready").await;
    let trouble = ready["checks"]["store"]["trouble"]
        .as_str()
        .unwrap_or_default();
    assert!(
        status == 503 && trouble.contains("no connection to Redis"),
        "{ready}"
    );
    redis.restart().await;
    eventually("it is ready", || async {
        gateway.get("/ready").await.0 == 200
    })
    .await;
}

#[tokio::test]
async fn what_promises_less_is_said_at_start() {
    let redis = Redis::with(&["--appendfsync", "everysec"]).await;
    let gateway = setup(redis.url())
        .flag("--redis-durability", "memory")
        .start()
        .await;
    gateway
        .says(&["WARN", "lost with the power", "everysec"])
        .await;
}
