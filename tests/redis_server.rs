//! The way to Redis: servers that cannot be trusted are refused in a sentence, those that come back are taken up again.

use crate::support::redis::sentinel::Group;
use crate::support::redis::{Redis, certificates};

#[tokio::test]
async fn the_harness_restarts_on_the_same_files() {
    let mut redis = Redis::start().await;
    let _: String = redis.ask(&["SET", "a", "1"]).await;
    redis.restart().await;
    assert_eq!(redis.names().await, ["a"]);
    redis.pause();
    redis.resume();
    let _: String = redis.ask(&["PING"]).await;
}

#[tokio::test]
async fn the_harness_fails_over() {
    let mut group = Group::start(&[]).await;
    group.fail_over().await;
}

#[tokio::test]
async fn the_harness_speaks_tls() {
    let redis = certificates::start(&[]).await;
    assert!(redis.log().contains("Ready"));
}
