//! The audit file: appended to, begun anew by size or age, found again when somebody has moved it.
//!
//! Each write leaves whole lines: what a full disk has torn off is taken back. A file that has grown to its
//! size or age is renamed to `PATH.<time>`, and of those so named the newest few are kept. What is no regular
//! file (a pipe, a terminal) is only written to. Time is an argument.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::clock::Timestamp;

/// How often it is asked whether the path still leads to the file, and a rotation that failed is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Archives that could bear the same time; two rotations within a millisecond are two already.
const MAX_SAME_TIME: u64 = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub path: PathBuf,
    /// No access without its line.
    pub required: bool,
    /// Beyond it the file is begun anew.
    pub max_bytes: u64,
    pub max_age: Option<Duration>,
    /// How many older files stay.
    pub keep: usize,
}

#[derive(Debug)]
pub(super) struct AuditFile {
    options: Options,
    open: Open,
    looked: Timestamp,
    /// The last rotation or search for the path failed; lines still go where they went.
    trouble: Option<String>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// None where it is no regular file: nothing is renamed or cut off then.
    regular: Option<Regular>,
}

#[derive(Clone, Copy, Debug)]
struct Regular {
    device: u64,
    number: u64,
    begun: Timestamp,
    bytes: u64,
}

impl AuditFile {
    pub(super) fn open(options: Options, now: Timestamp) -> io::Result<Self> {
        let open = Open::at(&options.path, now)?;
        Ok(Self {
            options,
            open,
            looked: now,
            trouble: None,
        })
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Appends whole lines, or nothing.
    pub(super) fn write(&mut self, lines: &[u8], now: Timestamp) -> io::Result<()> {
        if self.is_time_to_look(now) {
            self.looked = now;
            self.trouble = self.look(lines.len(), now).err();
        }
        self.open.append(lines)
    }

    /// The path is looked for at once: whoever rotates files from outside has just moved this one.
    pub(super) fn reopen(&mut self, now: Timestamp) -> io::Result<()> {
        if self.open.regular.is_none() || !self.open.is_at(&self.options.path) {
            self.open = Open::at(&self.options.path, now)?;
        }
        self.trouble = None;
        Ok(())
    }

    fn is_time_to_look(&self, now: Timestamp) -> bool {
        // A clock that was set back must not put it off for long.
        now.since(self.looked) >= LOOK_EVERY || now < self.looked || self.is_full(0, now)
    }

    fn is_full(&self, more: usize, now: Timestamp) -> bool {
        let Some(regular) = self.open.regular.filter(|regular| regular.bytes > 0) else {
            return false;
        };
        let old = self
            .options
            .max_age
            .is_some_and(|age| now.since(regular.begun) >= age);
        old || regular.bytes.saturating_add(more as u64) > self.options.max_bytes
    }

    fn look(&mut self, more: usize, now: Timestamp) -> Result<(), String> {
        if self.open.is_at(&self.options.path) {
            self.trouble = None;
        } else {
            self.reopen(now).map_err(|error| {
                format!("{} cannot be opened: {error}", self.options.path.display())
            })?;
        }
        self.open.measure();
        if self.is_full(more, now) {
            self.rotate(now).map_err(|error| {
                format!("{} cannot be rotated: {error}", self.options.path.display())
            })?;
        }
        Ok(())
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        let archive = (0..MAX_SAME_TIME)
            .map(|step| archive_name(&self.options.path, now.plus(Duration::from_millis(step))))
            .find(|archive| !archive.exists())
            .ok_or_else(|| io::Error::other("every name for the old file is taken"))?;
        fs::rename(&self.options.path, archive)?;
        self.open = Open::at(&self.options.path, now)?;
        sweep(&self.options.path, self.options.keep)
    }
}

impl Open {
    fn at(path: &Path, now: Timestamp) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Self {
                file,
                regular: None,
            });
        }
        // Two writers would rename under each other's hands. Where the system has no locks there are none.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(io::Error::other("another process writes to it"));
        }
        let regular = Regular {
            device: metadata.dev(),
            number: metadata.ino(),
            begun: begun(&metadata, now),
            bytes: metadata.len(),
        };
        let mut open = Self {
            file,
            regular: Some(regular),
        };
        // A machine that lost its power can have left half a line: ours begin on their own.
        if metadata.len() > 0 && last_byte(path).is_ok_and(|byte| byte != b'\n') {
            open.append(b"\n")?;
        }
        Ok(open)
    }

    fn is_at(&self, path: &Path) -> bool {
        let Some(regular) = self.regular else {
            return true;
        };
        fs::metadata(path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (regular.device, regular.number))
    }

    /// Somebody may have emptied it in place.
    fn measure(&mut self) {
        if let (Some(regular), Ok(metadata)) = (&mut self.regular, self.file.metadata()) {
            regular.bytes = metadata.len();
        }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(self.take_back(written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.take_back(written, error)),
            }
        }
        if let Some(regular) = &mut self.regular {
            regular.bytes = regular.bytes.saturating_add(lines.len() as u64);
        }
        Ok(())
    }

    /// Cuts off the part of a line that was written before `error`.
    fn take_back(&mut self, written: usize, error: io::Error) -> io::Error {
        if written == 0 || self.regular.is_none() {
            return error;
        }
        let whole = self
            .file
            .metadata()
            .map(|metadata| metadata.len().saturating_sub(written as u64));
        match whole.and_then(|whole| self.file.set_len(whole)) {
            Ok(()) => error,
            Err(also) => {
                io::Error::new(error.kind(), format!("{error}; half a line stays: {also}"))
            }
        }
    }
}

/// When its first line was written, as far as the system knows.
fn begun(metadata: &Metadata, now: Timestamp) -> Timestamp {
    if metadata.len() == 0 {
        return now;
    }
    metadata
        .created()
        .or_else(|_| metadata.modified())
        .ok()
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .map_or(now, Timestamp::from_millis)
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// `PATH.2026-08-01T12-00-00.000Z`: names sort as times do.
fn archive_name(path: &Path, at: Timestamp) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(at.to_rfc3339().replace(':', "-"));
    PathBuf::from(name)
}

/// Removes all but the newest `keep` files that [`archive_name`] can have named.
fn sweep(path: &Path, keep: usize) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Some(own) = path.file_name() else {
        return Ok(());
    };
    let mut archives: Vec<OsString> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .filter(|name| is_archive(name, own))
        .collect();
    archives.sort_unstable();
    let too_many = archives.len().saturating_sub(keep);
    for name in archives.into_iter().take(too_many) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

fn is_archive(name: &OsString, own: &std::ffi::OsStr) -> bool {
    let rest = name
        .as_encoded_bytes()
        .strip_prefix(own.as_encoded_bytes())
        .and_then(|rest| rest.strip_prefix(b"."));
    rest.is_some_and(|rest| {
        rest.len() == SHAPE.len()
            && rest.iter().zip(SHAPE).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    })
}

const SHAPE: &[u8; 24] = b"0000-00-00T00-00-00.000Z";

#[cfg(test)]
mod tests;
