//! Where the `temporal` program comes from: an address, the PATH, or a build of our own.
//!
//! The Temporal CLI holds the whole server and is a Go module. This program carries that module's
//! `go.mod` and `go.sum`, so that the build is the same on every machine; it is made once into a
//! directory and used from then on. Imports nothing of this crate.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Command;

const GO_MOD: &str = include_str!("../../deploy/dev/go.mod");
const GO_SUM: &str = include_str!("../../deploy/dev/go.sum");
const PACKAGE: &str = "github.com/temporalio/cli/cmd/temporal";
const PROGRAM: &str = "temporal";

/// How often a build says that it is still at it.
const PROGRESS: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(500);
/// What is shown of a failed build's output.
const OUTPUT_LINES: usize = 20;

/// What there is to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A server that somebody else runs.
    Address(String),
    /// A program that can run one.
    Program(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "a Temporal dev server has to be built, and there is no `go`: install Go 1.25 or newer, \
         or put `temporal` on the PATH, or set TEMPORAL_ADDRESS"
    )]
    NoGo,
    #[error(
        "the Temporal dev server cannot be built (it needs Go 1.25 or newer; instead you may put \
         `temporal` on the PATH or set TEMPORAL_ADDRESS):\n{0}"
    )]
    Build(String),
    #[error("the Temporal dev server cannot be built in {directory}: {source}")]
    Io {
        directory: PathBuf,
        source: std::io::Error,
    },
}

/// Finds a server or a program, and says which; builds the program into `directory` as a last
/// resort, saying how far it is.
pub async fn find(directory: &Path, say: &(dyn Fn(&str) + Sync)) -> Result<Found, Error> {
    let address = std::env::var("TEMPORAL_ADDRESS").ok();
    let path = std::env::var_os("PATH");
    if let Some(found) = present(address, path.as_deref(), directory) {
        match &found {
            Found::Address(address) => say(&format!("Temporal: {address}, from TEMPORAL_ADDRESS")),
            Found::Program(program) => say(&format!("Temporal: {}", program.display())),
        }
        return Ok(found);
    }
    build(directory, say).await.map(Found::Program)
}

/// What needs no building, in order of preference.
fn present(address: Option<String>, path: Option<&OsStr>, directory: &Path) -> Option<Found> {
    if let Some(address) = address.filter(|address| !address.is_empty()) {
        return Some(Found::Address(address));
    }
    let folders = path.map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    folders
        .into_iter()
        .flatten()
        .chain([directory.to_owned()])
        .map(|folder| folder.join(PROGRAM))
        .find(|candidate| is_executable(candidate))
        .map(Found::Program)
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

async fn build(directory: &Path, say: &(dyn Fn(&str) + Sync)) -> Result<PathBuf, Error> {
    let io = |source| Error::Io {
        directory: directory.to_owned(),
        source,
    };
    tokio::fs::create_dir_all(directory).await.map_err(io)?;
    let lock = File::create(directory.join("temporal.lock")).map_err(io)?;
    take(&lock, say).await.map_err(io)?;
    let program = directory.join(PROGRAM);
    // Somebody else may have built it while this process waited for the lock.
    if is_executable(&program) {
        return Ok(program);
    }
    let scratch = directory.join("temporal-build");
    tokio::fs::create_dir_all(&scratch).await.map_err(io)?;
    for (name, text) in [("go.mod", GO_MOD), ("go.sum", GO_SUM)] {
        tokio::fs::write(scratch.join(name), text)
            .await
            .map_err(io)?;
    }
    say("Temporal: building a dev server from its Go module, once; this takes some minutes");
    let output = go_build(&scratch, say).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            Error::NoGo
        } else {
            io(source)
        }
    })?;
    if !output.status.success() {
        return Err(Error::Build(last_lines(&output.stderr)));
    }
    // A rename is all or nothing: an interrupted build leaves no half a program.
    tokio::fs::rename(scratch.join(PROGRAM), &program)
        .await
        .map_err(io)?;
    tokio::fs::remove_dir_all(&scratch).await.map_err(io)?;
    say(&format!("Temporal: {}", program.display()));
    Ok(program)
}

/// Two processes that need the program build it once. The lock goes with the file.
async fn take(lock: &File, say: &(dyn Fn(&str) + Sync)) -> std::io::Result<()> {
    let mut told = false;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    say("Temporal: another process is building the dev server, waiting for it");
                    told = true;
                }
                tokio::time::sleep(LOCK_POLL).await;
            }
        }
    }
}

async fn go_build(scratch: &Path, say: &(dyn Fn(&str) + Sync)) -> std::io::Result<Output> {
    let build = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", "-s -w", "-o", PROGRAM])
        .arg(PACKAGE)
        .current_dir(scratch)
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?
        .wait_with_output();
    tokio::pin!(build);
    let began = Instant::now();
    loop {
        match tokio::time::timeout(PROGRESS, &mut build).await {
            Ok(output) => return output,
            Err(_) => say(&format!(
                "Temporal: still building, {} s",
                began.elapsed().as_secs()
            )),
        }
    }
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with_program() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(PROGRAM);
        std::fs::write(&program, "").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn an_address_goes_before_the_path_and_the_path_before_our_own() {
        let on_path = folder_with_program();
        let own = folder_with_program();
        let path = Some(on_path.path().as_os_str());
        let address = Some("t.example:7233".to_owned());
        assert_eq!(
            present(address, path, own.path()),
            Some(Found::Address("t.example:7233".to_owned()))
        );
        assert_eq!(
            present(Some(String::new()), path, own.path()),
            Some(Found::Program(on_path.path().join(PROGRAM)))
        );
        assert_eq!(
            present(None, None, own.path()),
            Some(Found::Program(own.path().join(PROGRAM)))
        );
    }

    #[test]
    fn what_cannot_be_run_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PROGRAM), "").unwrap();
        assert_eq!(present(None, None, folder.path()), None);
    }

    #[test]
    fn only_the_end_of_a_failed_build_is_shown() {
        let output = (0..30)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join("\n");
        assert!(last_lines(output.as_bytes()).starts_with("10\n"));
    }
}
