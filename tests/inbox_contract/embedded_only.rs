//! What only the embedded home can do: refuse a second process, survive a kill, refuse strange files.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use signalpost::event::EventId;
use signalpost::inbox::{Error, Inbox, embedded};

use super::samples::{accept, acceptance};
use super::{Embedded, Home};

/// Names the store to a child process that writes until it is killed.
const CHILD_STORE: &str = "SIGNALPOST_TEST_CHILD_STORE";

fn refusal(path: &std::path::Path) -> String {
    match Inbox::open_embedded(&embedded::Options::new(path)) {
        Err(Error::Open(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_second_opening_is_refused_and_names_the_first() {
    let home = Embedded::fresh().await;
    let inbox = home.open().await;
    let said = refusal(&home.0.path().join("signalpost.db"));
    let expected = format!("is in use by process {}; stop it", std::process::id());
    assert!(said.contains(&expected), "{said}");
    inbox.close().await;
    home.open().await.close().await;
}

#[test]
fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to be taken for one".repeat(40),
    )
    .unwrap();
    assert!(refusal(&text).contains("is not a store of Signalpost"));
    assert!(refusal(&folder.path().join("no/such/folder.db")).contains("its folder must exist"));

    let newer = folder.path().join("newer.db");
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&newer).contains("schema version 99, this program knows 5"));

    let foreign = folder.path().join("foreign.db");
    let connection = rusqlite::Connection::open(&foreign).unwrap();
    connection
        .execute_batch("CREATE TABLE birds (name TEXT)")
        .unwrap();
    assert!(refusal(&foreign).contains("is a database of another program"));
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_a_kill() {
    let home = Embedded::fresh().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "inbox_contract::embedded_only::writes_until_killed",
        ])
        .arg("--nocapture")
        .env(CHILD_STORE, home.0.path().join("signalpost.db"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged: Vec<EventId> = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        acknowledged.extend(
            line.unwrap()
                .strip_prefix("ack ")
                .map(|id| id.parse::<EventId>().unwrap()),
        );
        if acknowledged.len() == 2_000 {
            // SIGKILL; what is still in the pipe has been acknowledged too and is read on.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 2_000);
    let inbox = home.open().await;
    for id in &acknowledged {
        assert_eq!(inbox.event(*id).await.unwrap().unwrap().deliveries.len(), 1);
    }
    assert!(inbox.stats().pending >= acknowledged.len() as u64);
}

/// Not a case of its own: the child process of the one above, which names the store to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD_STORE) else {
        return;
    };
    let inbox = Inbox::open_embedded(&embedded::Options::new(path)).unwrap();
    let writers = (0..16).map(|task| {
        let inbox = inbox.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let sent = acceptance(&format!("{task}-{n}"), &[&format!("order-{task}")]);
                let id = accept(&inbox, sent).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "ack {id}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}
