//! Who may do what on the ops listener: tokens, roles, guesses, and what is on record of them.

use std::fs;

use serde_json::json;

use crate::support::eventually;
use crate::support::operator::{NO_TEMPORAL, audit, get_as, paid, send, setup, token_line};

#[tokio::test]
async fn a_reader_reads_an_actor_acts_and_each_has_a_name_on_record() {
    let tokens = token_line("ann", "read", "ann's") + &token_line("bob", "act", "bob's");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    fs::write(&file, tokens).expect("tokens");
    let gateway = setup("", NO_TEMPORAL)
        .flag("--ops-tokens-file", file.to_str().expect("a path"))
        .env("SIGNALPOST_OPS_TOKEN", "defaults-own")
        .start()
        .await;
    let id = paid(&gateway, "1", "evt_1").await;
    let (plain, body) = (
        format!("/v1/events/{id}"),
        format!("/v1/events/{id}?body=true"),
    );
    assert_eq!(gateway.get("/v1/events").await.0, 401);
    assert_eq!(gateway.get("/ready").await.0, 200, "probes need no token");
    assert_eq!(get_as(&gateway, &plain, "ann's").await.0, 200);
    assert_eq!(get_as(&gateway, &body, "ann's").await.0, 403);
    assert_eq!(get_as(&gateway, &body, "bob's").await.0, 200);
    let reload = "/v1/config/reload";
    let as_ann = send(&gateway, reload, "{}".to_owned(), Some("ann's")).await;
    assert_eq!((as_ann.0, &as_ann.1["code"]), (403, &json!("SP-S107")));
    for token in ["bob's", "defaults-own"] {
        assert_eq!(
            send(&gateway, reload, "{}".to_owned(), Some(token)).await.0,
            200
        );
    }
    let record: Vec<_> = audit(&gateway, "reload", 3)
        .await
        .iter()
        .map(|line| (line["who"].clone(), line["outcome"].clone()))
        .collect();
    let expected = [("ann", "refused"), ("bob", "done"), ("default", "done")];
    assert_eq!(
        record,
        expected.map(|(who, outcome)| (json!(who), json!(outcome)))
    );

    // Bob's token is taken away, Eve gets one.
    fs::write(&file, token_line("eve", "act", "eve's")).expect("tokens");
    eventually("bob's token is no longer known", || async {
        get_as(&gateway, &plain, "bob's").await.0 == 401
    })
    .await;
    assert_eq!(get_as(&gateway, &plain, "eve's").await.0, 200);
    assert!(!gateway.log().contains("bob's"), "no token in the log");
}

#[tokio::test]
async fn whoever_guesses_tokens_is_locked_out_and_on_record() {
    let gateway = setup("", NO_TEMPORAL)
        .env("SIGNALPOST_OPS_TOKEN", "right")
        .start()
        .await;
    for _ in 0..10 {
        assert_eq!(get_as(&gateway, "/v1/events", "guess").await.0, 401);
    }
    let (status, refused) = get_as(&gateway, "/v1/events", "right").await;
    assert_eq!((status, &refused["code"]), (429, &json!("SP-S108")));
    let lines = audit(&gateway, "ops", 11).await;
    assert_eq!(lines.len(), 11);
    assert!(
        lines
            .iter()
            .all(|line| line["who"] == "127.0.0.1" && line["outcome"] == "refused")
    );
}
