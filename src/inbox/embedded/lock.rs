//! One process for one store: an advisory lock on a file beside it.
//!
//! The file stays when the lock goes: removing it would let two processes lock two files of one name. It holds the
//! process id of its owner, only so that the refusal can name it.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::inbox::Error;

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct StoreLock(File);

/// Closing the file is not enough: a child that is being started holds a copy until its program begins, and the lock with it.
impl Drop for StoreLock {
    fn drop(&mut self) {
        // What cannot be unlocked is closed at once.
        self.0.unlock().ok();
    }
}

impl StoreLock {
    pub(super) fn acquire(store: &Path) -> Result<Self, Error> {
        let path = beside(store);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| unusable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(store, &mut file)),
            Err(TryLockError::Error(error)) => return Err(unusable(&path, &error)),
        }
        sign(&mut file).map_err(|error| unusable(&path, &error))?;
        Ok(Self(file))
    }
}

fn beside(store: &Path) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(".lock");
    PathBuf::from(name)
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn in_use(store: &Path, file: &mut File) -> Error {
    let mut owner = String::new();
    let owner = match file.take(32).read_to_string(&mut owner) {
        Ok(_) if !owner.trim().is_empty() => format!("process {}", owner.trim()),
        _ => "another process".to_owned(),
    };
    Error::Open(format!(
        "the store {} is in use by {owner}; stop it or use another --store",
        store.display()
    ))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Error::Open(format!(
            "cannot lock the store with {}: the disk is full, make room on it",
            path.display()
        ));
    }
    Error::Open(format!(
        "cannot lock the store with {}: {error}; its folder must exist and this user must be able to write in it",
        path.display()
    ))
}
