//! Backups: a copy to another file while a gateway works, and a copy put in the place of a store while none does.
//!
//! Nothing here needs the gateway, and nothing of it is lost when it is killed: a name has the whole old file or the whole new
//! one. The replaced store is kept beside the new one, and while neither is in place no file has the store's name.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use super::copying::{self, Contents, Copy, CopyError, Progress};
use super::doubt::{self, Doubted};
use super::lock::StoreLock;
use super::schema;
use crate::clock::{self, Timestamp};

/// What a restore has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub contents: Contents,
    /// Where the store is now that was there before.
    pub replaced: Option<PathBuf>,
}

/// Copies the store to `to`, whoever works with it meanwhile. `overwrite`: a file of that name goes.
pub fn backup(
    store: &Path,
    to: &Path,
    overwrite: bool,
    progress: Progress<'_>,
) -> Result<Contents, CopyError> {
    if !store.is_file() {
        return Err(CopyError::NoStore(store.to_owned()));
    }
    refuse_itself(store, to)?;
    if to.exists() && !overwrite {
        return Err(CopyError::Exists(to.to_owned()));
    }
    let source = copying::open(store)?;
    let folder = copying::folder_of(to);
    let Copy { file, contents } = copying::copy(&source, store, folder, progress)?;
    drop(source);
    let named = if overwrite {
        file.persist(to)
    } else {
        file.persist_noclobber(to)
    };
    named.map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => CopyError::Exists(to.to_owned()),
        _ => CopyError::File {
            what: "name the copy",
            path: to.to_owned(),
            source: error.error,
        },
    })?;
    copying::sync_folder(folder)?;
    Ok(contents)
}

/// Puts a copy of `from` in the place of the store. Refused while a gateway has it open.
pub fn restore(from: &Path, store: &Path, progress: Progress<'_>) -> Result<Restored, CopyError> {
    if !from.is_file() {
        return Err(CopyError::NoBackup(from.to_owned()));
    }
    refuse_itself(from, store)?;
    let source = copying::open(from)?;
    let lock = StoreLock::acquire(store)?;
    let folder = copying::folder_of(store);
    let Copy { file, contents } = copying::copy(&source, from, folder, progress)?;
    drop(source);
    hand_over(file.path(), store)?;
    let replaced = set_aside(store, clock::now())?;
    copying::sync_folder(folder)?;
    file.persist(store).map_err(|error| CopyError::File {
        what: "name the copy",
        path: store.to_owned(),
        source: error.error,
    })?;
    copying::sync_folder(folder)?;
    drop(lock);
    Ok(Restored { contents, replaced })
}

/// For a store that was put back by other means than [`restore`]: an image of its disk, a copied file.
pub fn doubt(store: &Path) -> Result<Doubted, CopyError> {
    if !store.is_file() {
        return Err(CopyError::NoStore(store.to_owned()));
    }
    let lock = StoreLock::acquire(store)?;
    let failed = |source| CopyError::Unwritten {
        path: store.to_owned(),
        source,
    };
    let mut connection = schema::open_writer(store)?;
    let doubted = doubt::doubt(&mut connection).map_err(failed)?;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    drop(lock);
    Ok(doubted)
}

fn refuse_itself(one: &Path, other: &Path) -> Result<(), CopyError> {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) if one == other => Err(CopyError::Itself(one)),
        _ => Ok(()),
    }
}

/// Who restores as root leaves the files to the user that the gateway runs as: the owner of the store that was there, or of
/// its folder.
fn hand_over(copy: &Path, store: &Path) -> Result<(), CopyError> {
    let place = if store.exists() {
        store
    } else {
        copying::folder_of(store)
    };
    let failed = |path: &Path, source| CopyError::File {
        what: "hand over",
        path: path.to_owned(),
        source,
    };
    let owner = std::fs::metadata(place).map_err(|error| failed(place, error))?;
    // Only root may give files away, and whoever else restores keeps what is made.
    if std::fs::metadata(copy).is_ok_and(|made| made.uid() != 0) {
        return Ok(());
    }
    for path in [copy, &with(store, ".lock")] {
        let now = std::fs::metadata(path).map_err(|error| failed(path, error))?;
        if (now.uid(), now.gid()) != (owner.uid(), owner.gid()) {
            chown(path, Some(owner.uid()), Some(owner.gid()))
                .map_err(|error| failed(path, error))?;
        }
    }
    Ok(())
}

/// Gives the store another name, and its log with it: beside another file that would be read into it. The store keeps its own
/// name too until the copy takes that, so that there is one at every moment.
fn set_aside(store: &Path, now: Timestamp) -> Result<Option<PathBuf>, CopyError> {
    let time = now.to_rfc3339().replace([':', '.'], "");
    let aside = with(store, &format!(".replaced-{time}"));
    // So that mostly there is no log to speak of. One that is damaged is kept as it is.
    if store.exists()
        && let Ok(connection) = rusqlite::Connection::open(store)
    {
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .ok();
    }
    let mut replaced = None;
    for suffix in ["", "-wal", "-shm"] {
        let (old, new) = (with(store, suffix), with(&aside, suffix));
        let renamed = if suffix.is_empty() {
            std::fs::hard_link(&old, &new).or_else(|_| std::fs::rename(&old, &new))
        } else {
            std::fs::rename(&old, &new)
        };
        match renamed {
            Ok(()) if suffix.is_empty() => replaced = Some(new),
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(CopyError::File {
                    what: "rename",
                    path: old,
                    source,
                });
            }
        }
    }
    Ok(replaced)
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
