//! Where audit lines go, and what is known of it: whole, or with a gap.
//!
//! A line is handed to the system before its request is answered, by the task that answers it: a crash of
//! this process loses none, and there is no queue that could run over. (A file is not forced to the disk: the
//! machine's own power cut can lose the last seconds.) Lines that could not be written are counted, and the
//! first one that can be is preceded by a line that says how many are missing.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::file::AuditFile;
use super::{Entry, Subject, Target};
use crate::clock::Timestamp;

/// While lines cannot be written, an access that would need one asks anew at most this often.
const RETRY_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Sink {
    required: bool,
    /// Beside the state, so that what is well costs no lock.
    broken: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    place: Place,
    gap: Option<Gap>,
    /// What has been said last of a file that could not be rotated.
    trouble: Option<String>,
}

#[derive(Debug)]
enum Place {
    Stderr,
    File(AuditFile),
    #[cfg(test)]
    Nowhere,
}

#[derive(Debug)]
struct Gap {
    lost: u64,
    error: String,
    tried: Timestamp,
}

/// What is different since the last line; for the log, once each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Broken(String),
    /// After so many lines that are missing.
    Resumed(u64),
    /// The file cannot be rotated or found; lines are written.
    Trouble(String),
    TroubleOver,
}

/// Of one line: whether it was written, and what is different since.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) ok: bool,
    pub(crate) changes: Vec<Change>,
}

/// For `/ready`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Lines cannot be written.
    pub broken: bool,
    pub required: bool,
    pub trouble: Option<String>,
}

impl Sink {
    pub(crate) fn stderr() -> Self {
        Self::at(Place::Stderr, false)
    }

    pub(crate) fn open(target: &Target, now: Timestamp) -> io::Result<Self> {
        match target {
            Target::Stderr => Ok(Self::stderr()),
            Target::File(options) => {
                let file = AuditFile::open(options.clone(), now)?;
                Ok(Self::at(Place::File(file), options.required))
            }
        }
    }

    fn at(place: Place, required: bool) -> Self {
        Self {
            required,
            broken: AtomicBool::new(false),
            state: Mutex::new(State {
                place,
                gap: None,
                trouble: None,
            }),
        }
    }

    pub(crate) const fn is_required(&self) -> bool {
        self.required
    }

    pub(crate) fn write(&self, entry: Entry<'_>, now: Timestamp) -> Written {
        let line = entry.to_line(now);
        let mut state = self.state();
        let written = match line {
            Ok(line) => state.write(line, now),
            Err(error) => state.lose(&error.into(), now),
        };
        self.broken.store(state.gap.is_some(), Ordering::Release);
        written
    }

    /// Whether a line could be written. Where the last one could not, the line about the gap is tried.
    pub(crate) fn holds(&self, now: Timestamp) -> Written {
        let well = |ok| Written {
            ok,
            changes: Vec::new(),
        };
        if !self.broken.load(Ordering::Acquire) {
            return well(true);
        }
        let mut state = self.state();
        let Some(gap) = &mut state.gap else {
            return well(true);
        };
        if now.since(gap.tried) < RETRY_EVERY && now >= gap.tried {
            return well(false);
        }
        gap.tried = now;
        let written = state.write(Vec::new(), now);
        self.broken.store(state.gap.is_some(), Ordering::Release);
        written
    }

    /// Looks for the file at its path again.
    pub(crate) fn reopen(&self, now: Timestamp) -> Vec<Change> {
        let mut state = self.state();
        if let Place::File(file) = &mut state.place
            && let Err(error) = file.reopen(now)
        {
            return state.tell(Some(format!("the audit file cannot be opened: {error}")));
        }
        state.tell(None)
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        let error = state.gap.as_ref().map(|gap| gap.error.clone());
        Standing {
            broken: state.gap.is_some(),
            required: self.required,
            trouble: error.or_else(|| state.trouble.clone()),
        }
    }

    /// A panic while it was held leaves whole values, so poison is ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An empty line writes the one about the gap alone.
    fn write(&mut self, line: Vec<u8>, now: Timestamp) -> Written {
        let lost = self.gap.as_ref().map(|gap| gap.lost);
        let mut lines = match lost {
            None => Vec::new(),
            Some(lost) => resumed(lost, now).unwrap_or_default(),
        };
        let is_probe = line.is_empty();
        lines.extend(line);
        let written = match &mut self.place {
            Place::Stderr => io::stderr().lock().write_all(&lines),
            Place::File(file) => file.write(&lines, now),
            #[cfg(test)]
            Place::Nowhere => Err(io::ErrorKind::StorageFull.into()),
        };
        match written {
            Ok(()) => {
                self.gap = None;
                let mut changes = self.tell(self.place.trouble());
                changes.extend(lost.map(Change::Resumed));
                Written { ok: true, changes }
            }
            Err(_) if is_probe => Written {
                ok: false,
                changes: Vec::new(),
            },
            Err(error) => self.lose(&error, now),
        }
    }

    fn lose(&mut self, error: &io::Error, now: Timestamp) -> Written {
        let text = error.to_string();
        let known = self.gap.take();
        let changes = match &known {
            Some(gap) if gap.error == text => Vec::new(),
            _ => vec![Change::Broken(text.clone())],
        };
        self.gap = Some(Gap {
            lost: known.map_or(0, |gap| gap.lost).saturating_add(1),
            error: text,
            tried: now,
        });
        Written { ok: false, changes }
    }

    /// What there is to say of the rotation's state now.
    fn tell(&mut self, trouble: Option<String>) -> Vec<Change> {
        if self.trouble == trouble {
            return Vec::new();
        }
        self.trouble.clone_from(&trouble);
        vec![trouble.map_or(Change::TroubleOver, Change::Trouble)]
    }
}

impl Place {
    fn trouble(&self) -> Option<String> {
        match self {
            Self::File(file) => file.trouble().map(str::to_owned),
            Self::Stderr => None,
            #[cfg(test)]
            Self::Nowhere => None,
        }
    }
}

/// The line before the first one after a gap.
fn resumed(lost: u64, now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let entry = Entry {
        request: "",
        action: "audit",
        outcome: "resumed",
        who: "signalpost",
        subject: Subject::Process {},
        workflow: None,
        events: None,
        reason: Some(&format!("lines missing before this one: {lost}")),
    };
    entry.to_line(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry<'_> = Entry {
        request: "0190",
        action: "query",
        outcome: "accepted",
        who: "corp:ada",
        subject: Subject::Query("status"),
        workflow: None,
        events: None,
        reason: None,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_gap_is_said_once_and_stands_in_the_record_afterwards() {
        let sink = Sink::at(Place::Nowhere, true);
        let first = sink.write(ENTRY, at(0));
        assert!(!first.ok && matches!(first.changes[..], [Change::Broken(_)]));
        let second = sink.write(ENTRY, at(1));
        assert!(!second.ok && second.changes.is_empty(), "said once");
        assert!(!sink.holds(at(2)).ok);
        assert!(sink.standing().broken);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let target = Target::file(path.clone());
        let Target::File(options) = target else {
            panic!("a file");
        };
        let file = AuditFile::open(options, at(3)).unwrap();
        sink.state().place = Place::File(file);
        assert!(!sink.holds(at(500)).ok, "asked again once a second");
        let again = sink.holds(at(1_500));
        assert!(again.ok);
        assert_eq!(again.changes, [Change::Resumed(2)]);
        assert!(sink.write(ENTRY, at(1_501)).ok);
        let text = std::fs::read_to_string(path).unwrap();
        let reasons: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["reason"].clone())
            .collect();
        assert_eq!(
            reasons,
            [
                serde_json::json!("lines missing before this one: 2"),
                serde_json::Value::Null
            ]
        );
    }
}
