//! A whole copy of a store, made beside whoever works with it: for backups and for restores.
//!
//! The copy shows one moment. It is made in steps that rest as long as they last, lies under a temporary name until it is on
//! disk, checked, and everything unfinished in it is in doubt, and is one file without a log beside it. No file of a store is
//! opened here but through SQLite: closing a file of one's own would give up SQLite's locks on it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tempfile::NamedTempFile;

use super::doubt::{self, Doubted};
use super::schema;
use crate::clock::Timestamp;
use crate::inbox;

/// Pages in one step: 2 MiB.
const STEP: i32 = 512;

/// Told how many pages are copied, and of how many.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

/// Why there is no copy. Each says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("there is no store at {0}: name it with --store")]
    NoStore(PathBuf),
    #[error("there is no backup at {0}")]
    NoBackup(PathBuf),
    #[error("{0} is there already: name another file, or give --force to replace it")]
    Exists(PathBuf),
    #[error("{0} is the store itself")]
    Itself(PathBuf),
    #[error(
        "{path} has schema version {found}, this program knows {known}: use the newer program that wrote it"
    )]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("{0} is no store of Signalpost")]
    NoneOfOurs(PathBuf),
    #[error("{path} is damaged: {found}")]
    Damaged { path: PathBuf, found: String },
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("cannot write {path}: {source}")]
    Unwritten {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("cannot {what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Store(#[from] inbox::Error),
}

/// What is in a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    pub schema: i64,
    pub bytes: u64,
    pub events: u64,
    pub unfinished: Doubted,
    /// When the newest event was received.
    pub newest: Option<Timestamp>,
}

/// A copy that has no name yet.
#[derive(Debug)]
pub(super) struct Copy {
    pub file: NamedTempFile,
    pub contents: Contents,
}

/// A connection to a store or a copy of one that some program of ours wrote and this one understands.
pub(super) fn open(path: &Path) -> Result<Connection, CopyError> {
    let unreadable = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => CopyError::NoneOfOurs(path.to_owned()),
        _ => CopyError::Unreadable {
            path: path.to_owned(),
            source: error,
        },
    };
    let connection = schema::open_reader(path).map_err(unreadable)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(unreadable)?;
    if found > schema::VERSION {
        return Err(CopyError::Newer {
            path: path.to_owned(),
            found,
            known: schema::VERSION,
        });
    }
    let tables: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('event', 'delivery', 'dedup')",
            [],
            |row| row.get(0),
        )
        .map_err(unreadable)?;
    if found < schema::OLDEST || tables != 3 {
        return Err(CopyError::NoneOfOurs(path.to_owned()));
    }
    Ok(connection)
}

/// Copies the store at `from`, through a connection to it, into a temporary file in `folder`.
pub(super) fn copy(
    source: &Connection,
    from: &Path,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Copy, CopyError> {
    let file = tempfile::Builder::new()
        .prefix(".signalpost-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(|source| CopyError::File {
            what: "write in",
            path: folder.to_owned(),
            source,
        })?;
    let written = |source: rusqlite::Error| {
        // Reading and writing fail alike here; only damage is surely the source's.
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => CopyError::Damaged {
                path: from.to_owned(),
                found: source.to_string(),
            },
            _ => CopyError::Unwritten {
                path: file.path().to_owned(),
                source,
            },
        }
    };
    pages(source, file.path(), file.as_file(), progress).map_err(written)?;
    let (schema, unfinished) = finish(file.path()).map_err(written)?;
    let contents = look(file.path(), from, schema, unfinished)?;
    file.as_file()
        .sync_all()
        .map_err(|source| CopyError::File {
            what: "sync",
            path: file.path().to_owned(),
            source,
        })?;
    Ok(Copy { file, contents })
}

/// One moment of the source: it is read within one transaction, or a busy writer would have it begin anew for ever. The
/// source's log cannot start over until that ends.
fn pages(
    source: &Connection,
    target: &Path,
    disk: &File,
    progress: Progress<'_>,
) -> rusqlite::Result<()> {
    let mut copy = Connection::open(target)?;
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let backup = Backup::new(&moment, &mut copy)?;
    loop {
        let begun = Instant::now();
        let done = backup.step(STEP)? == StepResult::Done;
        let all = backup.progress();
        let (left, all) = (all.remaining.unsigned_abs(), all.pagecount.unsigned_abs());
        progress(u64::from(all.saturating_sub(left)), u64::from(all));
        if done {
            break;
        }
        // Step by step, so that no accept waits behind all of it. What the disk says at the end counts.
        disk.sync_data().ok();
        std::thread::sleep(begun.elapsed());
    }
    drop(backup);
    moment.finish()
}

/// Makes it one file, and puts everything unfinished in doubt. Answers its schema, too.
fn finish(path: &Path) -> rusqlite::Result<(i64, Doubted)> {
    let mut connection = Connection::open(path)?;
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    let doubted = doubt::doubt(&mut connection)?;
    let schema = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.close().map_err(|(_, error)| error)?;
    Ok((schema, doubted))
}

/// Reads all of it.
fn look(path: &Path, from: &Path, schema: i64, unfinished: Doubted) -> Result<Contents, CopyError> {
    let unreadable = |source| CopyError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let connection = schema::open_reader(path).map_err(unreadable)?;
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(unreadable)?;
    if found != "ok" {
        return Err(CopyError::Damaged {
            path: from.to_owned(),
            found,
        });
    }
    let (events, newest): (i64, Option<i64>) = connection
        .query_row("SELECT count(*), max(received_at) FROM event", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(unreadable)?;
    Ok(Contents {
        schema,
        bytes: std::fs::metadata(path).map_or(0, |file| file.len()),
        events: events.unsigned_abs(),
        unfinished,
        newest: newest.map(Timestamp::from_millis),
    })
}

/// A name that was made or changed in this folder is on disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), CopyError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| CopyError::File {
            what: "sync",
            path: folder.to_owned(),
            source,
        })
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
