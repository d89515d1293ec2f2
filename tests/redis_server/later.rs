//! What happens to the server while it is in use: said, shown, and over by itself when the cause is.

use signalpost::inbox::redis::Options;

use super::{open, shown, until_trouble, until_well, with_durability};
use crate::support::redis::stand_in::StandIn;
use crate::support::redis::{Redis, certificates, sentinel};
use crate::support::until;

/// A command, what is answered to it, and what is said about it.
const FAILURES: [(&str, &str, &str); 11] = [
    (
        "PING",
        "LOADING Redis is loading the dataset in memory",
        "LOADING",
    ),
    ("PING", "NOAUTH Authentication required.", "NOAUTH"),
    ("PING", "MASTERDOWN Link with MASTER is down", "MASTERDOWN"),
    ("PING", "CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
    ("PING", "ERR max number of clients reached", "maxclients"),
    (
        "SET",
        "READONLY You can't write against a read only replica.",
        "READONLY",
    ),
    (
        "SET",
        "MISCONF Errors writing to the AOF file: No space left",
        "MISCONF",
    ),
    ("SET", "BUSY Redis is busy running a script.", "BUSY"),
    ("SET", "MOVED 3999 127.0.0.1:6381", "MOVED"),
    (
        "SET",
        "NOPERM this user has no permissions to run the 'set' command",
        "NOPERM",
    ),
    ("SET", "SOMETHING nobody has heard of", "SOMETHING"),
];

#[tokio::test]
async fn a_server_that_dies_or_freezes_is_missed_and_taken_up_again() {
    let mut redis = Redis::start().await;
    let inbox = open(&Options::new(redis.url())).await;
    redis.kill();
    until_trouble(&inbox, "Redis").await;
    assert!(
        inbox.stats().server.is_empty(),
        "nothing is known of it now"
    );
    redis.restart().await;
    until_well(&inbox).await;
    redis.pause();
    until_trouble(&inbox, "does not answer in time").await;
    redis.resume();
    until_well(&inbox).await;
    assert_eq!(shown(&inbox, "role"), "primary");
}

#[tokio::test]
async fn a_server_that_is_away_at_start_is_waited_for() {
    let mut redis = Redis::start().await;
    redis.kill();
    let inbox = open(&Options::new(redis.url())).await;
    until_trouble(&inbox, "refused").await;
    redis.restart().await;
    until_well(&inbox).await;
    assert_eq!(shown(&inbox, "partitions"), "64");
}

#[tokio::test]
async fn a_setting_that_goes_wrong_later_is_trouble_until_it_is_right() {
    let redis = Redis::start().await;
    let inbox = open(&Options::new(redis.url())).await;
    for (setting, wrong, right, said) in [
        (
            "maxmemory-policy",
            "volatile-lru",
            "noeviction",
            "maxmemory-policy of Redis is volatile-lru",
        ),
        (
            "appendfsync",
            "everysec",
            "always",
            "syncs its file `everysec`",
        ),
        ("maxmemory", "1", "0", "Redis is full"),
        ("min-replicas-to-write", "1", "0", "min-replicas-to-write"),
    ] {
        let _: String = redis.ask(&["CONFIG", "SET", setting, wrong]).await;
        until_trouble(&inbox, said).await;
        assert_eq!(shown(&inbox, "role"), "primary", "it can still be read");
        let _: String = redis.ask(&["CONFIG", "SET", setting, right]).await;
        until_well(&inbox).await;
    }
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_let_go() {
    let redis = Redis::start().await;
    let other = Redis::start().await;
    let inbox = open(&Options::new(redis.url())).await;
    let port = other.port().to_string();
    let _: String = redis.ask(&["REPLICAOF", "127.0.0.1", &port]).await;
    until_trouble(&inbox, "is a replica of").await;
    assert!(inbox.stats().server.is_empty());
    let _: String = redis.ask(&["REPLICAOF", "NO", "ONE"]).await;
    until_well(&inbox).await;
}

#[tokio::test]
async fn replicas_that_were_asked_for_are_missed() {
    let primary = Redis::start().await;
    let inbox = open(&with_durability(&primary, "fsync+replicas:1")).await;
    until_trouble(&inbox, "asks for 1 replicas of Redis, and 0 are connected").await;
    let replica = sentinel::replica_of(&primary, &[]).await;
    until_well(&inbox).await;
    drop(replica);
    until_trouble(&inbox, "and 0 are connected").await;
}

/// Each failure that a server may answer with, by name; each at a server of its own.
#[tokio::test]
async fn failures_are_said_by_name_and_pass() {
    let redis = Redis::start().await;
    let cases = FAILURES.map(|(command, answer, said)| {
        let redis = &redis;
        async move {
            let server = StandIn::before(redis, |_| None).await;
            let options = Options {
                prefix: answer.split(' ').take(2).collect::<Vec<_>>().join("."),
                ..Options::new(server.url())
            };
            let inbox = open(&options).await;
            server.answers(move |words| (words[0] == command).then(|| format!("-{answer}\r\n")));
            until_trouble(&inbox, said).await;
            server.answers(|_| None);
            until_well(&inbox).await;
        }
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn a_password_that_changes_is_read_again() {
    let redis = Redis::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    let set = |password: &str| {
        std::fs::write(&file, format!("{password}\n")).expect("a file");
        let rule = format!(">{password}");
        let redis = &redis;
        async move {
            let user = [
                "ACL",
                "SETUSER",
                "ann",
                "reset",
                "on",
                &rule,
                "~{signalpost}*",
                "&{signalpost}*",
                "+@all",
            ];
            let _: String = redis.ask(&user).await;
            let _: i64 = redis.ask(&["CLIENT", "KILL", "USER", "ann"]).await;
        }
    };
    set("first-hunter2").await;
    let options = Options {
        password_file: Some(file.clone()),
        ..Options::new(format!("redis://ann@{}", redis.address()))
    };
    let inbox = open(&options).await;
    set("second-hunter2").await;
    until("it has come back under the new password", || {
        inbox.stats().trouble.is_none() && inbox.stats().round_trip.is_some()
    })
    .await;
    std::fs::write(&file, "wrong-hunter2").expect("a file");
    let _: i64 = redis.ask(&["CLIENT", "KILL", "USER", "ann"]).await;
    until_trouble(&inbox, "refuses the user or the password").await;
    assert!(!format!("{inbox:?} {options:?}").contains("hunter2"));
    set("third-hunter2").await;
    until_well(&inbox).await;
}

#[tokio::test]
async fn a_tls_server_that_restarts_is_taken_up_again() {
    let mut redis = certificates::start(&[]).await;
    let options = Options {
        ca: Some(certificates::authority(&redis)),
        ..Options::new(certificates::url(&redis))
    };
    let inbox = open(&options).await;
    redis.kill();
    until_trouble(&inbox, "Redis").await;
    redis.restart().await;
    until_well(&inbox).await;
}
