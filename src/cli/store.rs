//! `signalpost store`: a backup of the embedded store while a gateway works, a restore, and what a restored store must not forget.
//!
//! Needs no ops listener: a backup reads the file beside the gateway, and the others want that no gateway has it open.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::flags::Printed;
use super::{End, Output, complain, print};
use crate::clock::Timestamp;
use crate::inbox::embedded::{self, Contents, CopyError, Doubted};
use crate::inbox::redis;
use crate::settings::{Store, StoreSettings};

/// Back up the store, restore it, or say that it is a copy.
///
/// `--store` says where it is, as for `serve`. Backup and restore are for a store that is a file; a Redis has its own, and then needs
/// `doubt`. deploy/README.md has the procedure.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreSettings,

    #[command(flatten)]
    printed: Printed,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backup(Backup),
    Restore(Restore),
    /// Say that the store is a copy, or was put back to an earlier moment.
    ///
    /// For a store that came back by other means than `restore`: an image of the disk, a snapshot of the volume, a Redis that was
    /// restored. Everything unfinished in it is proved from Temporal's histories before it is sent again. Stop every gateway first; done
    /// twice it changes nothing.
    Doubt,
}

/// Copy the store to another file, also while a gateway works with it.
///
/// The copy is of one moment, checked, and has its name only when it is whole and on disk. Everything unfinished in it is marked:
/// whoever starts with it proves from Temporal's histories what has been delivered since. It holds bodies and headers of all events:
/// keep it as you keep the store. Exit code 1 if there is none in the end.
#[derive(Args, Debug)]
struct Backup {
    /// The file to be made; `-` is stdout, where the store's folder has room for the copy until it is written.
    to: PathBuf,

    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Put a backup in the place of the store. Stop the gateway first.
///
/// The store that was there is kept beside it, under another name. What was accepted after the backup was made is not in it: have the
/// providers send it again. What was delivered after it is not delivered again: each unfinished delivery is first looked for in its
/// workflow's history, and what cannot be known is parked as SP-D207. A workflow that Temporal has forgotten is as one that never was.
#[derive(Args, Debug)]
struct Restore {
    /// The backup.
    from: PathBuf,
}

pub(super) async fn run(arguments: Arguments) -> End {
    let output = arguments.printed.output;
    let store = match arguments.store.options() {
        Ok(store) => store,
        Err(error) => {
            complain(&error.to_string());
            return End::Usage;
        }
    };
    match (arguments.command, store) {
        (Command::Doubt, Store::Redis(options)) => match redis::doubt(&options).await {
            Ok((pending, parked)) => doubted(&Doubted { pending, parked }, output),
            Err(error) => failed(&error),
        },
        (Command::Doubt, Store::File(path)) => match blocking(move || embedded::doubt(&path)).await
        {
            Ok(unfinished) => doubted(&unfinished, output),
            Err(error) => failed(&error),
        },
        (Command::Backup(backup), Store::File(path)) => backup.run(path, output).await,
        (Command::Restore(restore), Store::File(path)) => restore.run(path, output).await,
        (Command::Backup(_) | Command::Restore(_), Store::Redis(_)) => {
            complain(
                "a Redis is backed up and restored by its own means; after a restore run `signalpost store doubt`",
            );
            End::Usage
        }
    }
}

impl Backup {
    async fn run(self, store: PathBuf, output: Output) -> End {
        if self.to == Path::new("-") {
            return to_stdout(store, output).await;
        }
        let to = self.to.clone();
        let made = blocking(move || embedded::backup(&store, &self.to, self.force, &progress()));
        match made.await {
            Ok(contents) => {
                print(&told(&to, &contents, None, output));
                End::Ok
            }
            Err(error) => failed(&error),
        }
    }
}

/// For images without a shell and `tar`: `kubectl exec … > FILE`. What is told goes to stderr.
async fn to_stdout(store: PathBuf, output: Output) -> End {
    if std::io::stdout().is_terminal() {
        complain("a terminal is no place for a backup: redirect stdout to a file");
        return End::Usage;
    }
    let made = tokio::task::spawn_blocking(move || -> Result<Contents, String> {
        let folder = match store.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // It goes with the folder, whatever happens.
        let folder = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
        let copy = folder.path().join("copy.db");
        let contents =
            embedded::backup(&store, &copy, false, &progress()).map_err(|it| it.to_string())?;
        let mut stdout = std::io::stdout().lock();
        std::fs::File::open(&copy)
            .and_then(|mut file| std::io::copy(&mut file, &mut stdout))
            .and_then(|_| stdout.flush())
            .map_err(|error| format!("cannot write the copy to stdout: {error}"))?;
        Ok(contents)
    });
    match made.await {
        Ok(Ok(contents)) => {
            complain(&told(Path::new("-"), &contents, None, output));
            End::Ok
        }
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

impl Restore {
    async fn run(self, store: PathBuf, output: Output) -> End {
        let place = store.clone();
        match blocking(move || embedded::restore(&self.from, &store, &progress())).await {
            Ok(restored) => {
                let replaced = restored.replaced.as_deref();
                print(&told(&place, &restored.contents, replaced, output));
                complain(
                    "Events that were accepted after the backup are not in it, and neither are their keys: have the providers send them \
                     again. What is pending is proved from Temporal's histories before it is sent.",
                );
                End::Ok
            }
            Err(error) => failed(&error),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CopyError> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn failed(error: &impl ToString) -> End {
    complain(&error.to_string());
    End::Problem
}

fn doubted(unfinished: &Doubted, output: Output) -> End {
    let Doubted { pending, parked } = unfinished;
    match output {
        Output::Json => print(&json!({ "pending": pending, "parked": parked }).to_string()),
        Output::Text => print(&format!(
            "{pending} pending and {parked} parked deliveries will be proved before they are sent"
        )),
    }
    End::Ok
}

fn told(path: &Path, contents: &Contents, replaced: Option<&Path>, output: Output) -> String {
    let newest = contents.newest.map(Timestamp::to_rfc3339);
    let Doubted { pending, parked } = contents.unfinished;
    match output {
        Output::Json => json!({
            "file": path,
            "bytes": contents.bytes,
            "schema": contents.schema,
            "events": contents.events,
            "pending": pending,
            "parked": parked,
            "newest": newest,
            "replaced": replaced,
        })
        .to_string(),
        Output::Text => {
            let mut lines = vec![
                format!(
                    "{}: {} bytes, schema {}, checked",
                    path.display(),
                    contents.bytes,
                    contents.schema
                ),
                format!(
                    "{} events, of their deliveries {pending} pending and {parked} parked",
                    contents.events
                ),
                format!("newest event: {}", newest.as_deref().unwrap_or("none")),
            ];
            if let Some(replaced) = replaced {
                lines.push(format!("the store before it: {}", replaced.display()));
            }
            lines.join("\n")
        }
    }
}

/// Says on a terminal how far it is, once for each hundredth.
fn progress() -> impl Fn(u64, u64) {
    let said = std::io::stderr().is_terminal().then(|| Cell::new(u64::MAX));
    move |done, all| {
        let Some(said) = &said else { return };
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        if said.replace(percent) != percent {
            let end = if percent == 100 { "\n" } else { "" };
            // A terminal that has gone is nobody's concern.
            let mut stderr = std::io::stderr();
            write!(stderr, "\r{percent:3} % copied{end}").ok();
            stderr.flush().ok();
        }
    }
}
