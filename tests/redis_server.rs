//! The way to Redis: servers that cannot be trusted are refused in a sentence, those that come back are taken up again.

use std::process::Command;
use std::time::Duration;

use signalpost::inbox::redis::Options;
use signalpost::inbox::{Error, Inbox};

use crate::support::redis::sentinel;
use crate::support::redis::stand_in::StandIn;
use crate::support::redis::{Redis, certificates};
use crate::support::until;

mod gateway;
mod later;
mod sentinels;

/// Why it is not opened.
async fn refusal(options: &Options) -> String {
    match Inbox::open_redis(options).await {
        Err(Error::Open(said)) => said,
        other => panic!("it should be refused: {other:?}"),
    }
}

async fn open(options: &Options) -> Inbox {
    Inbox::open_redis(options).await.expect("it opens")
}

fn with_durability(redis: &Redis, durability: &str) -> Options {
    Options {
        durability: durability.parse().expect("a durability"),
        ..Options::new(redis.url())
    }
}

/// Of what `/ready` shows of the server.
fn shown(inbox: &Inbox, name: &str) -> String {
    let server = inbox.stats().server;
    let found = server.into_iter().find(|(known, _)| *known == name);
    found.map_or_else(String::new, |(_, value)| value)
}

async fn until_trouble(inbox: &Inbox, said: &str) {
    until(&format!("trouble: {said}"), || {
        inbox
            .stats()
            .trouble
            .is_some_and(|trouble| trouble.contains(said))
    })
    .await;
}

async fn until_well(inbox: &Inbox) {
    until("no trouble", || inbox.stats().trouble.is_none()).await;
}

#[tokio::test]
async fn a_good_server_is_shown_and_gets_its_meta_once() {
    let redis = Redis::start().await;
    let inbox = open(&Options::new(redis.url())).await;
    for (name, value) in [
        ("role", "primary"),
        ("replicas", "0"),
        ("durability", "fsync"),
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("maxmemory_policy", "noeviction"),
        ("partitions", "64"),
    ] {
        assert_eq!(shown(&inbox, name), value, "{name}");
    }
    assert!(shown(&inbox, "server").starts_with("Redis "));
    assert!(
        inbox
            .stats()
            .round_trip
            .is_some_and(|took| took < Duration::from_secs(2))
    );
    let meta = ["HGETALL", "{signalpost}:meta"];
    let first: Vec<String> = redis.ask(&meta).await;
    drop(open(&Options::new(redis.url())).await);
    assert_eq!(redis.ask::<Vec<String>>(&meta).await, first, "written once");
    let schema: String = redis.ask(&["HGET", "{signalpost}:meta", "schema"]).await;
    assert_eq!(schema, "1");
}

#[tokio::test]
async fn replicas_that_start_at_once_agree() {
    let redis = Redis::start().await;
    let options = Options::new(redis.url());
    let inboxes = futures_util::future::join_all((0..8).map(|_| open(&options))).await;
    for inbox in &inboxes {
        assert_eq!(
            (shown(inbox, "partitions").as_str(), inbox.stats().trouble),
            ("64", None)
        );
    }
}

/// All of a deployment lies in one slot.
#[tokio::test]
async fn a_cluster_works_where_one_node_holds_our_slot() {
    let redis = Redis::with(&["--cluster-enabled", "yes"]).await;
    let inbox = open(&Options::new(redis.url())).await;
    until_trouble(&inbox, "CLUSTERDOWN").await;
    let _: String = redis.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until_well(&inbox).await;
    assert_eq!(shown(&inbox, "partitions"), "64");
}

#[tokio::test]
async fn a_server_set_up_to_lose_what_it_took_is_refused() {
    let redis = Redis::start().await;
    let fsync = Options::new(redis.url());
    for (setting, value, said) in [
        (
            "maxmemory-policy",
            "allkeys-lru",
            "maxmemory-policy of Redis is allkeys-lru",
        ),
        (
            "appendfsync",
            "everysec",
            "set `appendfsync always`, or state",
        ),
        ("appendonly", "no", "`appendonly no`"),
    ] {
        let before: Vec<String> = redis.ask(&["CONFIG", "GET", setting]).await;
        let _: String = redis.ask(&["CONFIG", "SET", setting, value]).await;
        let refused = refusal(&fsync).await;
        assert!(refused.contains(said), "{refused}");
        assert!(redis.names().await.is_empty(), "nothing is written");
        let _: String = redis.ask(&["CONFIG", "SET", setting, &before[1]]).await;
    }
    let _: String = redis
        .ask(&["CONFIG", "SET", "appendfsync", "everysec"])
        .await;
    let inbox = open(&with_durability(&redis, "memory")).await;
    assert_eq!(
        (shown(&inbox, "durability").as_str(), inbox.stats().trouble),
        ("memory", None)
    );
}

#[tokio::test]
async fn a_server_that_is_too_old_or_no_redis_is_refused() {
    let redis = Redis::start().await;
    for (info, said) in [
        (
            "redis_version:5.0.14\r\nrole:master",
            "Redis 5.0.14 is too old: Redis 6.2",
        ),
        ("memcached:1", "does not say its version"),
    ] {
        let old = StandIn::before(&redis, move |words| {
            let info = format!("${}\r\n{info}\r\n", info.len());
            (words[0] == "INFO").then_some(info)
        })
        .await;
        let refused = refusal(&Options::new(old.url())).await;
        assert!(refused.contains(said), "{refused}");
    }
    assert!(redis.names().await.is_empty(), "nothing is written");
}

#[tokio::test]
async fn a_replica_is_refused_and_its_primary_named() {
    let primary = Redis::start().await;
    let replica = sentinel::replica_of(&primary, &[]).await;
    let refused = refusal(&Options::new(replica.url())).await;
    let said = format!("is a replica of {}", primary.address());
    assert!(refused.contains(&said), "{refused}");
    assert!(primary.names().await.is_empty(), "nothing is written");
}

#[tokio::test]
async fn what_is_somebody_elses_or_newer_is_left_as_it_is() {
    let redis = Redis::start().await;
    for (write, said) in [
        (
            &["SET", "{signalpost}:cart:1", "x"][..],
            "something else than Signalpost",
        ),
        (
            &["SET", "{signalpost}:meta", "x"],
            "something else than Signalpost",
        ),
        (
            &["HSET", "{signalpost}:meta", "program", "shop"],
            "something else than Signalpost",
        ),
        (
            &[
                "HSET",
                "{signalpost}:meta",
                "program",
                "signalpost",
                "schema",
                "99",
                "partitions",
                "64",
            ],
            "was written by a newer Signalpost (schema 99; this one knows 1)",
        ),
        (
            &[
                "HSET",
                "{signalpost}:meta",
                "program",
                "signalpost",
                "schema",
                "1",
            ],
            "its `meta` cannot be read",
        ),
    ] {
        let _: redis::Value = redis.ask(write).await;
        let before: Vec<u8> = redis.ask(&["DUMP", write[1]]).await;
        let refused = refusal(&Options::new(redis.url())).await;
        assert!(refused.contains(said), "{refused}");
        assert_eq!(redis.names().await, [write[1]], "nothing is written");
        assert_eq!(redis.ask::<Vec<u8>>(&["DUMP", write[1]]).await, before);
        let _: String = redis.ask(&["FLUSHALL"]).await;
    }
    // What lies beside our prefix is none of our business.
    let _: String = redis.ask(&["SET", "signalpost:cart", "x"]).await;
    drop(open(&Options::new(redis.url())).await);
    let elsewhere = Options {
        prefix: "other".to_owned(),
        ..Options::new(redis.url())
    };
    drop(open(&elsewhere).await);
    assert!(redis.names().await.contains(&"{other}:meta".to_owned()));
}

#[tokio::test]
async fn who_may_not_is_told_what_is_missing() {
    let redis = Redis::start().await;
    let user = |name: &str, rules: &'static str| {
        let mut words = vec!["ACL".to_owned(), "SETUSER".to_owned(), name.to_owned()];
        words.extend(rules.split(' ').map(str::to_owned));
        words
    };
    for (name, rules) in [
        ("whole", "on >hunter2 ~{signalpost}* &{signalpost}* +@all"),
        (
            "blind",
            "on >hunter2 ~{signalpost}* &{signalpost}* +@all -info",
        ),
        (
            "managed",
            "on >hunter2 ~{signalpost}* &{signalpost}* +@all -config",
        ),
        // As deploy/README.md has it.
        (
            "least",
            "on >hunter2 ~{signalpost}* &{signalpost}* +@all -@admin -@dangerous +info +config|get",
        ),
        ("elsewhere", "on >hunter2 ~{other}* &{other}* +@all"),
    ] {
        let words = user(name, rules);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let _: String = redis.ask(&words).await;
    }
    let as_user = |who: &str| Options::new(format!("redis://{who}@{}", redis.address()));
    for (who, said) in [
        ("whole:hunter3", "refuses the user or the password"),
        ("nobody:hunter2", "refuses the user or the password"),
        ("blind:hunter2", "forbids its user the command `info`"),
        ("managed:hunter2", "does not say whether it syncs to disk"),
        ("elsewhere:hunter2", "forbids its user a key"),
    ] {
        let refused = refusal(&as_user(who)).await;
        assert!(
            refused.contains(said) && !refused.contains("hunter"),
            "{refused}"
        );
    }
    let managed = Options {
        durability: "memory".parse().expect("a durability"),
        ..as_user("managed:hunter2")
    };
    assert_eq!(shown(&open(&managed).await, "appendfsync"), "unknown");
    drop(open(&as_user("whole:hunter2")).await);
    drop(open(&as_user("least:hunter2")).await);
    let page = include_str!("../deploy/README.md").replace("\\|", "|");
    assert!(
        page.contains("~{signalpost}* &{signalpost}* +@all -@admin -@dangerous +info +config|get")
    );
    let _: String = redis
        .ask(&["CONFIG", "SET", "requirepass", "hunter2"])
        .await;
    let refused = refusal(&Options::new(redis.url())).await;
    assert!(refused.contains("wants a password"), "{refused}");
}

#[tokio::test]
async fn a_valkey_syncs_when_it_is_asked() {
    let Some(valkey) = Redis::valkey(&["--appendfsync", "everysec"]).await else {
        return;
    };
    let inbox = open(&Options::new(valkey.url())).await;
    assert_eq!(
        (shown(&inbox, "waitaof").as_str(), inbox.stats().trouble),
        ("yes", None)
    );
    assert!(shown(&inbox, "server").starts_with("Valkey "));
    // The answer is what `durability` reads: whether it is synced here, and on how many replicas.
    let mut connection = valkey.connect().await;
    let (_, synced): (String, (u64, u64)) = redis::pipe()
        .cmd("SET")
        .arg("a")
        .arg(1)
        .cmd("WAITAOF")
        .arg(1)
        .arg(0)
        .arg(5000)
        .query_async(&mut connection)
        .await
        .expect("WAITAOF");
    assert_eq!(synced, (1, 0));
    let refused = {
        let _: String = valkey.ask(&["CONFIG", "SET", "appendonly", "no"]).await;
        refusal(&Options::new(valkey.url())).await
    };
    assert!(refused.contains("`appendonly no`"), "{refused}");
}

/// Debian's Redis has no WAITAOF: at the wire it seems to have.
#[tokio::test]
async fn waitaof_is_found_by_asking_for_it() {
    let redis = Redis::with(&["--appendfsync", "everysec"]).await;
    let newer = StandIn::before(&redis, |words| {
        let asked = words[0] == "COMMAND";
        asked.then(|| "*1\r\n*1\r\n$7\r\nwaitaof\r\n".to_owned())
    })
    .await;
    let inbox = open(&Options::new(newer.url())).await;
    assert_eq!(shown(&inbox, "waitaof"), "yes");
}

#[tokio::test]
async fn tls_trusts_the_authority_it_is_given_and_no_other() {
    let redis = certificates::start(&[]).await;
    let trusted = Options {
        ca: Some(certificates::authority(&redis)),
        ..Options::new(certificates::url(&redis))
    };
    let inbox = open(&trusted).await;
    assert_eq!(inbox.stats().trouble, None);
    let refused = refusal(&Options::new(certificates::url(&redis))).await;
    assert!(refused.contains("TLS to Redis fails"), "{refused}");
    let other = tempfile::tempdir().expect("a folder");
    certificates::write(other.path());
    std::fs::write(other.path().join("empty.pem"), "").expect("a file");
    for (file, said) in [
        ("ca.pem", "TLS to Redis fails"),
        ("empty.pem", "has no certificate in it"),
        ("none.pem", "cannot be read"),
    ] {
        let untrusted = Options {
            ca: Some(other.path().join(file)),
            ..trusted.clone()
        };
        let refused = refusal(&untrusted).await;
        assert!(refused.contains(said), "{refused}");
    }
}

/// What the program says of this store before it gives up, and its exit code.
fn serve(flags: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let routes = folder.path().join("routes.toml");
    std::fs::write(&routes, gateway::ROUTES).expect("routes.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_signalpost"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
        ])
        .arg("--routes")
        .arg(routes)
        .args(flags)
        .envs(env.iter().copied())
        .output()
        .expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}
