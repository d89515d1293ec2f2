//! What the commands refuse, and what they leave behind.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::drain::setup;
use crate::support::exchange::stripe;

/// A gateway that reaches no Temporal, with so many events in its store.
async fn gateway_with(events: usize) -> Gateway {
    let gateway = setup().start().await;
    for number in 0..events {
        let answer = stripe(&gateway, format!(r#"{{"id":"e{number}"}}"#)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    gateway
}

#[tokio::test]
async fn a_backup_has_its_name_when_it_is_whole_and_replaces_nothing_unasked() {
    let gateway = gateway_with(3).await;
    let folder = gateway.folder().join("backups");
    std::fs::create_dir(&folder).expect("a folder");
    let copy = folder.join("copy.db");
    let to = copy.to_str().expect("a path");
    let made = json(&store(&gateway.store(), &["backup", to]).await);
    assert_eq!(
        (&made["events"], &made["pending"], &made["parked"]),
        (&3.into(), &3.into(), &0.into())
    );
    assert!(
        made["newest"].is_string() && made["replaced"].is_null(),
        "{made}"
    );
    let names: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["copy.db"], "one file and nothing beside it");
    let permissions = std::fs::metadata(&copy).expect("the copy").permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600, "it holds bodies");

    let refused = refusal(&store(&gateway.store(), &["backup", to]).await);
    assert!(
        refused.contains("there already") && refused.contains("--force"),
        "{refused}"
    );
    let answer = stripe(&gateway, r#"{"id":"later"}"#).await;
    assert_eq!(answer.status, 200);
    let made = json(&store(&gateway.store(), &["backup", "--force", to]).await);
    assert_eq!(made["events"], 4);
    let streamed = store(&gateway.store(), &["backup", "-"]).await;
    let said: Value = serde_json::from_slice(&streamed.stderr).expect("JSON on stderr");
    assert_eq!(
        (&said["events"], streamed.status.code()),
        (&4.into(), Some(0))
    );
    std::fs::write(folder.join("streamed.db"), &streamed.stdout).expect("a file");
    let path = folder.join("other.db");
    let from = folder.join("streamed.db");
    let restored = json(&store(&path, &["restore", from.to_str().expect("a path")]).await);
    assert_eq!(restored["events"], 4, "{restored}");
    let path = gateway.store();
    let own = path.to_str().expect("a path");
    let refused = refusal(&store(&path, &["backup", "--force", own]).await);
    assert!(refused.contains("is the store itself"), "{refused}");
    assert!(refusal(&store(&folder.join("none.db"), &["backup", to]).await).contains("no store"));
}

#[tokio::test]
async fn a_restore_takes_a_whole_backup_of_a_known_version_and_keeps_what_it_replaces() {
    let mut gateway = gateway_with(2).await;
    let folder = gateway.folder().to_owned();
    let copy = folder.join("copy.db");
    let to = copy.to_str().expect("a path");
    json(&store(&gateway.store(), &["backup", to]).await);
    let late = stripe(&gateway, r#"{"id":"late"}"#).await;
    assert_eq!(late.status, 200);
    // Its log is not yet in its file.
    gateway.kill();
    let path = gateway.store();

    let newer = folder.join("newer.db");
    std::fs::copy(&copy, &newer).expect("a copy");
    let connection = rusqlite::Connection::open(&newer).expect("a database");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    drop(connection);
    let garbage = folder.join("garbage.db");
    std::fs::write(&garbage, "a letter and no database ".repeat(100)).expect("a file");
    let torn = folder.join("torn.db");
    let mut bytes = std::fs::read(&copy).expect("the copy");
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 8192].fill(0x5a);
    std::fs::write(&torn, bytes).expect("a file");
    for (file, words) in [
        (newer, "newer program"),
        (garbage, "no store of Signalpost"),
        (torn, "damaged"),
        (folder.join("none.db"), "no backup"),
    ] {
        let refused = refusal(&store(&path, &["restore", file.to_str().expect("a path")]).await);
        assert!(refused.contains(words), "{refused}");
    }
    let restored = json(&store(&path, &["restore", to]).await);
    assert_eq!(restored["events"], 2);
    let replaced = restored["replaced"].as_str().expect("the store before");
    let connection = rusqlite::Connection::open(replaced).expect("a database");
    let kept: i64 = connection
        .query_row("SELECT count(*) FROM event", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(kept, 3, "the log of the replaced store went with it");
    gateway.restart().await;
    let (_, page) = gateway.get("/v1/events?state=pending").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(2));
    let again = stripe(&gateway, r#"{"id":"late"}"#).await;
    assert!(
        again.text.contains("accepted"),
        "its key is not in the backup: {}",
        again.text
    );
}

#[tokio::test]
async fn a_store_that_was_put_back_by_other_means_is_marked_once_nobody_works_with_it() {
    let mut gateway = gateway_with(2).await;
    let path = gateway.store();
    let refused = refusal(&store(&path, &["doubt"]).await);
    assert!(refused.contains("in use by process"), "{refused}");
    gateway.kill();
    for _ in 0..2 {
        let doubted = json(&store(&path, &["doubt"]).await);
        assert_eq!(
            (&doubted["pending"], &doubted["parked"]),
            (&2.into(), &0.into())
        );
    }
    let redis = signalpost(&["store", "backup", "x.db", "--store", "redis://127.0.0.1:1"])
        .output()
        .expect("the binary runs");
    assert_eq!(redis.status.code(), Some(2), "Redis has its own backups");
}
