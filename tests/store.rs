//! A store that cannot be opened: one sentence that says what to do, exit code 1, and the file untouched.

use std::path::Path;

use crate::cli::signalpost;

const ROUTES: &str = "[sources.a]\nprovider = \"stripe\"\nsecrets = [\"env:SECRET\"]\n";

/// What `serve` says of this store before it gives up.
fn refused(folder: &Path, store: &Path) -> String {
    let routes = folder.join("routes.toml");
    std::fs::write(&routes, ROUTES).expect("routes");
    let output = signalpost(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
        "--log",
        "off",
    ])
    .args([Path::new("--routes"), &routes, Path::new("--store"), store])
    .env("SECRET", "a secret of a fair length")
    .env("TEMPORAL_ADDRESS", "127.0.0.1:1")
    .output()
    .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {said}");
    said
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store.db");
    let garbage = "this is a letter and no database ".repeat(100);
    std::fs::write(&store, &garbage).expect("a file");
    let said = refused(folder.path(), &store);
    assert!(
        said.contains("is not a store") && said.contains("--store"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&store).expect("the file"), garbage);
}

#[test]
fn a_store_of_another_program_or_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store.db");
    let connection = rusqlite::Connection::open(&store).expect("a database");
    connection
        .execute_batch("CREATE TABLE other (a)")
        .expect("a table");
    let said = refused(folder.path(), &store);
    assert!(
        said.contains("another program") && said.contains("--store"),
        "{said}"
    );
    connection
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    let said = refused(folder.path(), &store);
    assert!(
        said.contains("version 99") && said.contains("newer program"),
        "{said}"
    );
}

#[test]
fn a_place_where_nothing_can_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = refused(folder.path(), &folder.path().join("none").join("store.db"));
    assert!(said.contains("folder must exist"), "{said}");
    let said = refused(folder.path(), folder.path());
    assert!(said.contains("is a folder"), "{said}");
    // Writes to it find no room, for every user.
    if Path::new("/dev/full").exists() {
        let store = folder.path().join("full.db");
        std::os::unix::fs::symlink("/dev/full", &store).expect("a link");
        let said = refused(folder.path(), &store);
        assert!(said.contains("the disk is full, make room"), "{said}");
    }
}

#[test]
fn an_empty_path_is_a_usage_error_and_no_store_in_memory() {
    let output = signalpost(&["serve", "--store", ""])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--store"), "{said}");
}

#[test]
fn a_pipe_as_routes_or_secret_is_refused_at_once_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let output = signalpost(&["check"])
        .arg(&pipe)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let routes = folder.path().join("routes.toml");
    let text = ROUTES.replace("env:SECRET", &format!("file:{}", pipe.display()));
    std::fs::write(&routes, text).expect("routes");
    let output = signalpost(&["check", "--secrets"])
        .arg(&routes)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("not a regular file"), "{said}");
}
