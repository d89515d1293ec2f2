//! The tables, and how a connection to them is opened.
//!
//! Columns are named and written so that an operator can read the file with any SQLite tool: states and reasons as text, times
//! in milliseconds since 1970. Arguments that are the body as sent are NULL, for it stands in the event; of one event among
//! several the body is a part of its `request`'s, from `item_at` on. Only `dedup` is keyed
//! in random order: such an index dirties a page of its own on every accept, whereas those that grow in order of time share
//! theirs within a batch.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::inbox::Error;

/// Raised with every change of the tables; a file from a newer program is refused.
pub(super) const VERSION: i64 = 5;

/// What [`migrate`] brings up to it.
pub(super) const OLDEST: i64 = 3;

const TABLES: &str = "
CREATE TABLE event (
    seq          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    source       TEXT NOT NULL,
    key          TEXT NOT NULL,
    key_digest   INTEGER NOT NULL,
    key_strict   INTEGER NOT NULL,
    retention    INTEGER NOT NULL,
    type         TEXT NOT NULL,
    received_at  INTEGER NOT NULL,
    duplicates   INTEGER NOT NULL DEFAULT 0,
    conflicts    INTEGER NOT NULL DEFAULT 0,
    erased_at    INTEGER,
    unrouted     INTEGER NOT NULL,
    secret       INTEGER,
    peer         TEXT NOT NULL,
    content      TEXT NOT NULL,
    query        TEXT NOT NULL,
    claims       TEXT,
    form         TEXT,
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    request      INTEGER,
    item         INTEGER,
    item_at      INTEGER,
    item_length  INTEGER
);
CREATE INDEX event_received ON event(received_at);
CREATE INDEX event_unrouted ON event(seq) WHERE unrouted;
CREATE INDEX event_request ON event(request) WHERE request IS NOT NULL;

CREATE TABLE request (
    seq      INTEGER PRIMARY KEY,
    content  TEXT NOT NULL,
    form     TEXT,
    body     BLOB NOT NULL
);

CREATE TABLE dedup (
    key        BLOB PRIMARY KEY,
    event      BLOB NOT NULL,
    body       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE delivery (
    seq              INTEGER PRIMARY KEY,
    id               BLOB NOT NULL UNIQUE,
    event            INTEGER NOT NULL,
    source           TEXT NOT NULL,
    route            TEXT NOT NULL,
    namespace        TEXT NOT NULL,
    workflow         TEXT NOT NULL,
    signal           TEXT NOT NULL,
    state            TEXT NOT NULL,
    reason           TEXT,
    attempts         INTEGER NOT NULL,
    accepted_at      INTEGER NOT NULL,
    first_attempt_at INTEGER,
    next_attempt_at  INTEGER,
    settled_at       INTEGER,
    request_id       TEXT NOT NULL,
    run_id           TEXT,
    last_error       TEXT,
    rules            TEXT NOT NULL,
    args             TEXT
);
CREATE INDEX delivery_event ON delivery(event);
CREATE INDEX delivery_pending ON delivery(seq) WHERE state = 'pending';
CREATE INDEX delivery_parked ON delivery(seq) WHERE state = 'parked';
CREATE INDEX delivery_dropped ON delivery(seq) WHERE state = 'dropped';

CREATE TABLE note (
    seq      INTEGER PRIMARY KEY,
    event    INTEGER NOT NULL,
    delivery BLOB,
    at       INTEGER NOT NULL,
    who      TEXT NOT NULL,
    action   TEXT NOT NULL,
    text     TEXT
);
CREATE INDEX note_event ON note(event);
";

/// From `at` on, deliveries of the partition up to `seq` may have been claimed.
const CLAIMED: &str = "
CREATE TABLE claimed (
    part  INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (part, seq)
) WITHOUT ROWID;
";

/// Version 3 did not write down what it claimed, nor when: everything in it may have been, from the beginning of time on.
const FROM_3: &str = "
INSERT INTO claimed (part, seq, at)
    WITH RECURSIVE every(part) AS (SELECT 0 UNION ALL SELECT part + 1 FROM every WHERE part < 63)
    SELECT part, seq, 0 FROM every JOIN (SELECT seq FROM delivery ORDER BY seq DESC LIMIT 1);
";

/// Version 4 had one line of marks for all partitions.
const AWAY: &str = "ALTER TABLE claimed RENAME TO claimed_by_all;";
const FROM_4: &str = "
INSERT INTO claimed (part, seq, at)
    WITH RECURSIVE every(part) AS (SELECT 0 UNION ALL SELECT part + 1 FROM every WHERE part < 63)
    SELECT part, seq, at FROM every JOIN claimed_by_all;
DROP TABLE claimed_by_all;
";

/// The writing connection: settings checked, tables in place.
pub(super) fn open_writer(path: &Path) -> Result<Connection, Error> {
    let mut connection = Connection::open(path).map_err(|error| refused(path, &error))?;
    prepare(&connection).map_err(|error| refused(path, &error))?;
    verify(&connection, path)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// A connection for checkpoints beside the writer.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(path).map_err(|error| refused(path, &error))?;
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .map_err(|error| refused(path, &error))?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Page size and vacuum mode count only before the first table is made; on an existing file they change nothing.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "page_size", 4096)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "foreign_keys", false)
}

/// SQLite answers a pragma that it cannot obey with silence: what durability rests on is asked back.
fn verify(connection: &Connection, path: &Path) -> Result<(), Error> {
    let ask = |name: &str| -> Result<String, Error> {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| match value {
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            })
            .map_err(|error| refused(path, &error))
    };
    // 2 is FULL.
    for (name, wanted) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("wal_autocheckpoint", "0"),
    ] {
        let found = ask(name)?;
        if found != wanted {
            return Err(Error::Open(format!(
                "the store {} cannot keep its promise: {name} is {found} where {wanted} is needed; put it on a local disk",
                path.display()
            )));
        }
    }
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| refused(path, &error);
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    if found == VERSION {
        return Ok(());
    }
    let write = |connection: &mut Connection, statements: &[&str]| -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        for statement in statements {
            transaction.execute_batch(statement)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    };
    match found {
        3 => return write(connection, &[CLAIMED, FROM_3]).map_err(failed),
        4 => return write(connection, &[AWAY, CLAIMED, FROM_4]).map_err(failed),
        _ => {}
    }
    if (1..VERSION).contains(&found) {
        return Err(Error::Open(format!(
            "the store {} has schema version {found}, which no released program has written: choose another path with --store",
            path.display()
        )));
    }
    if found != 0 {
        return Err(Error::Open(format!(
            "the store {} has schema version {found}, this program knows {VERSION}: start the newer program that wrote it",
            path.display()
        )));
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if tables != 0 {
        return Err(Error::Open(format!(
            "{} is a database of another program: choose another path with --store",
            path.display()
        )));
    }
    write(connection, &[TABLES, CLAIMED]).map_err(failed)
}

/// What SQLite says at open, as a sentence that tells what to do.
fn refused(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let path = path.display();
    Error::Open(match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => format!(
            "{path} is not a store of Signalpost: choose another path with --store, or restore it from a backup"
        ),
        Some(ErrorCode::DatabaseCorrupt) => {
            format!("the store {path} is damaged: restore it from a backup")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            format!(
                "cannot write the store {path}: let this user create and write files in its folder"
            )
        }
        Some(ErrorCode::DiskFull) => {
            format!("cannot open the store {path}: the disk is full, make room on it")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "the store {path} is held by another program: close the SQLite tool that has it open for writing"
        ),
        _ => format!("cannot open the store {path}: {error}; check the disk it is on"),
    })
}
