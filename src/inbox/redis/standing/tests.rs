//! Facts as servers tell them, and every verdict.

use super::*;

const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Memory\r\nused_memory:900\r\nmaxmemory:0\r\n\
                    maxmemory_policy:noeviction\r\n# Persistence\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\n\
                    # Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

fn config(appendonly: &str, appendfsync: &str) -> HashMap<String, String> {
    [
        ("appendonly", appendonly),
        ("appendfsync", appendfsync),
        ("maxmemory-policy", "noeviction"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn facts(change: &[(&str, &str)], waitaof: bool) -> Facts {
    let mut info = INFO.to_owned();
    for (from, to) in change {
        assert!(info.contains(from), "{from}");
        info = info.replace(from, to);
    }
    Facts::read(&info, &config("yes", "always"), Some(waitaof))
}

fn durability(text: &str) -> Durability {
    text.parse().expect(text)
}

#[test]
fn facts_are_read_as_the_server_tells_them() {
    let known = facts(&[], false);
    assert_eq!(known.program, "Redis 7.0.15");
    assert_eq!(known.version, Some((7, 0)));
    assert_eq!(known.run_id.as_deref(), Some("abc"));
    assert_eq!(
        (known.appendonly, known.policy.as_deref()),
        (Some(true), Some("noeviction"))
    );
    let valkey = facts(
        &[(
            "redis_version:7.0.15",
            "redis_version:7.2.4\r\nvalkey_version:8.1.1",
        )],
        true,
    );
    assert_eq!(
        (valkey.program.as_str(), valkey.version),
        ("Valkey 8.1.1", Some((7, 2)))
    );
}

#[test]
fn what_config_may_not_say_info_says_in_part() {
    let silent = Facts::read(INFO, &HashMap::new(), None);
    assert_eq!(silent.appendonly, Some(true), "aof_enabled");
    assert_eq!(silent.appendfsync, None);
    assert_eq!(silent.policy.as_deref(), Some("noeviction"));
    assert!(!silent.waitaof, "7.0 has none");
    let newer = INFO.replace("7.0.15", "7.2.0");
    assert!(Facts::read(&newer, &HashMap::new(), None).waitaof);
}

/// Every way to promise `fsync`, and every way not to.
#[test]
fn fsync_needs_waitaof_or_a_sync_before_the_answer() {
    let fsync = Durability::default();
    for (appendonly, appendfsync, waitaof, verdict) in [
        ("yes", "always", false, ""),
        ("yes", "always", true, ""),
        ("yes", "everysec", true, ""),
        ("yes", "", true, ""),
        ("yes", "everysec", false, "syncs its file `everysec`"),
        ("yes", "no", false, "syncs its file `no`"),
        ("yes", "", false, "does not say whether it syncs"),
        ("no", "always", true, "appendonly no"),
        ("no", "always", false, "appendonly no"),
    ] {
        let facts = Facts::read(INFO, &config(appendonly, appendfsync), Some(waitaof));
        let said = facts
            .judge(fsync)
            .err()
            .map_or(String::new(), |wrong| wrong.to_string());
        assert!(
            said.contains(verdict) && said.is_empty() == verdict.is_empty(),
            "{said}"
        );
        for less in ["memory", "replicas:1"] {
            let mut facts = facts.clone();
            facts.replicas = 1;
            assert_eq!(
                facts.judge(durability(less)),
                Ok(()),
                "{less} needs no file"
            );
        }
    }
    let nothing = INFO.replace("aof_enabled:1\r\n", "");
    let facts = Facts::read(&nothing, &HashMap::new(), Some(true));
    assert_eq!(facts.judge(fsync), Err(Wrong::Unknown(fsync)));
}

#[test]
fn bad_servers_are_refused_in_a_sentence_each() {
    for (from, to, said, passes, shuts) in [
        ("7.0.15", "6.0.16", "Redis 6.0.16 is too old", false, true),
        (
            "redis_version:7.0.15",
            "no:1",
            "does not say its version",
            false,
            true,
        ),
        (
            "role:master",
            "role:slave\r\nmaster_host:db\r\nmaster_port:7",
            "a replica of db:7",
            false,
            true,
        ),
        ("loading:0", "loading:1", "is loading", true, true),
        (
            "maxmemory_policy:noeviction",
            "maxmemory_policy:allkeys-lru",
            "",
            true,
            false,
        ),
        ("status:ok", "status:err", "could not write", true, false),
    ] {
        let facts = facts(&[(from, to)], false);
        let verdict = facts.judge(Durability::default());
        let Err(wrong) = verdict else {
            assert!(said.is_empty(), "CONFIG is believed before INFO: {to}");
            continue;
        };
        assert!(wrong.to_string().contains(said), "{wrong}");
        assert_eq!(
            (wrong.may_pass(false), wrong.shuts()),
            (passes, shuts),
            "{wrong}"
        );
    }
    let evicts = Facts {
        policy: Some("volatile-ttl".to_owned()),
        ..facts(&[], false)
    };
    assert_eq!(
        evicts.judge(Durability::default()),
        Err(Wrong::Evicts("volatile-ttl".to_owned()))
    );
}

#[test]
fn replicas_that_are_asked_for_must_be_there() {
    let facts = facts(&[("connected_slaves:0", "connected_slaves:1")], false);
    assert_eq!(facts.judge(durability("fsync+replicas:1")), Ok(()));
    let wrong = facts
        .judge(durability("replicas:2"))
        .expect_err("one is missing");
    assert!(wrong.may_pass(false) && !wrong.shuts());
    assert_eq!(
        wrong.to_string(),
        "--redis-durability asks for 2 replicas of Redis, and 1 are connected"
    );
}

#[test]
fn what_promises_less_is_said() {
    let alone = facts(&[], false);
    assert!(alone.warnings(Durability::default(), false).is_empty());
    let [memory] = &alone.warnings(durability("memory"), false)[..] else {
        panic!("one warning");
    };
    assert!(memory.contains("lost with the power") && memory.contains("`always`"));
    let [failover] = &alone.warnings(Durability::default(), true)[..] else {
        panic!("one warning");
    };
    assert!(failover.contains("--redis-durability fsync+replicas:1"));
    assert!(alone.warnings(durability("replicas:1"), true).is_empty());
    let full = facts(&[("maxmemory:0", "maxmemory:1000")], false);
    let [full] = &full.warnings(Durability::default(), false)[..] else {
        panic!("one warning");
    };
    assert!(full.contains("80 %"));
}
