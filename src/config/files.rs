//! The files that a routing file depends on, and what stood in them when they were read.
//!
//! Contents are compared, never times: a write in place within one tick of the file system's clock, a
//! rename over the name and a swapped symlink all show. Only digests are kept. Imports nothing of
//! this crate.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// No routing file, secret or key set has a use beyond this.
pub(super) const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Digest of a file's content; none where it could not be read.
type Fingerprint = Option<[u8; 32]>;

/// Every file asked for, with what was found.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Fingerprint>);

impl Files {
    /// Reads a file once and remembers what it was.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let content = read_capped(path);
        self.0.insert(path.to_owned(), fingerprint(&content));
        content
    }

    /// The same files as they are now.
    #[must_use]
    pub fn look_again(&self) -> Self {
        let now = |path: &PathBuf| (path.clone(), fingerprint(&read_capped(path)));
        Self(self.0.keys().map(now).collect())
    }

    /// With those of `other` that are not among them.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (path, found) in other.0 {
            self.0.entry(path).or_insert(found);
        }
        self
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

/// Names only: a weak secret can be guessed from its digest.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn fingerprint(content: &io::Result<Vec<u8>>) -> Fingerprint {
    content
        .as_ref()
        .ok()
        .map(|bytes| Sha256::digest(bytes).into())
}

fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe or device would block the reader for as long as its writer likes, a pipe the opening already.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let mut content = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    Ok(content)
}
