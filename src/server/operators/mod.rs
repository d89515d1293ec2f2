//! Operators: who each of them is, by their token, and what they may do.
//!
//! Tokens are kept and compared as SHA-256 digests alone. The tokens' file is read again when its
//! content changes; a bad file never replaces a good one. Whoever guesses is locked out for a while
//! (`lockout`). Knows no HTTP; `guard` asks it.

mod lockout;
mod tokens_file;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use sha2::{Digest as _, Sha256};

use crate::secret::Secret;
use lockout::Lockout;
pub use tokens_file::Error;

/// The file is looked at again at most this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The operator whose token is `--ops-token`.
const DEFAULT: &str = "default";
/// The operator of a gateway without tokens: whoever may use this machine.
pub(super) const LOCAL: &str = "local";

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Lists and single events without their bodies.
    Read,
    /// Bodies and actions too.
    Act,
}

/// Whose token it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub name: Arc<str>,
    pub role: Role,
}

/// Why a caller is nobody we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    WrongToken,
    /// Too many wrong tokens came from that address: none is looked at for now.
    LockedOut,
}

/// SHA-256 of a token. Not shown: a short token could be found again from it.
#[derive(Clone, Copy)]
struct Digest([u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

#[derive(Clone, Debug)]
struct Entry {
    operator: Operator,
    digest: Digest,
}

/// Everybody who has a token. Empty: the listener is for programs on this machine.
#[derive(Debug, Default)]
pub struct Operators {
    default: Option<Entry>,
    file: Option<Watched>,
    lockout: Lockout,
}

/// The tokens' file, as it was when it was last good.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    entries: ArcSwap<Vec<Entry>>,
    looked: Mutex<Looked>,
}

#[derive(Debug)]
struct Looked {
    at: Instant,
    /// What was found then, good or not: said once, not every second.
    seen: Result<Digest, String>,
}

impl Operators {
    /// Reads the tokens' file; every line of it must be good.
    pub fn open(token: Option<&Secret>, file: Option<&Path>) -> Result<Self, Error> {
        let default = token.map(|token| Entry {
            operator: Operator {
                name: Arc::from(DEFAULT),
                role: Role::Act,
            },
            digest: digest(token.expose()),
        });
        let file = file.map(Watched::open).transpose()?;
        Ok(Self {
            default,
            file,
            lockout: Lockout::default(),
        })
    }

    /// Whether a token is needed at all.
    #[must_use]
    pub fn have_tokens(&self) -> bool {
        self.default.is_some() || self.file.is_some()
    }

    /// Whose token this is. Every digest is compared, whichever fits.
    #[must_use]
    pub fn find(&self, token: &[u8]) -> Option<Operator> {
        let given = digest(token);
        let entries = self.file.as_ref().map(|file| file.entries.load());
        let listed = entries.iter().flat_map(|entries| entries.iter());
        let mut found = None;
        for entry in self.default.iter().chain(listed) {
            if verify_slices_are_equal(&entry.digest.0, &given.0).is_ok() {
                found = Some(entry.operator.clone());
            }
        }
        found
    }

    pub(super) fn admit(
        &self,
        token: &[u8],
        peer: IpAddr,
        now: Instant,
    ) -> Result<Operator, Stranger> {
        if self.lockout.holds(peer, now) {
            return Err(Stranger::LockedOut);
        }
        self.find(token).ok_or_else(|| {
            self.lockout.count(peer, now);
            Stranger::WrongToken
        })
    }

    /// Reads the file anew if it has not been looked at for a second and has another content.
    pub(super) async fn refresh(self: &Arc<Self>) {
        let due = self.file.as_ref().is_some_and(Watched::is_due);
        if !due {
            return;
        }
        let operators = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            if let Some(file) = &operators.file {
                file.look();
            }
        });
        if let Err(error) = read.await {
            tracing::error!(%error, "reading the ops tokens' file failed");
        }
    }
}

impl Watched {
    fn open(path: &Path) -> Result<Self, Error> {
        let text = tokens_file::read(path)?;
        let entries = tokens_file::parse(path, &text)?;
        Ok(Self {
            path: path.to_owned(),
            entries: ArcSwap::from_pointee(entries),
            looked: Mutex::new(Looked {
                at: Instant::now(),
                seen: Ok(digest(text.as_bytes())),
            }),
        })
    }

    /// True for one caller each second: the others go on with what is there.
    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.at.elapsed() >= LOOK_EVERY;
        if due {
            looked.at = Instant::now();
        }
        due
    }

    fn look(&self) {
        let read = tokens_file::read(&self.path);
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match &read {
            Ok(text) => Ok(digest(text.as_bytes())),
            Err(error) => Err(error.to_string()),
        };
        let same = match (&looked.seen, &now) {
            (Ok(before), Ok(now)) => before.0 == now.0,
            (Err(before), Err(now)) => before == now,
            _ => false,
        };
        if same {
            return;
        }
        looked.seen = now;
        match read.and_then(|text| tokens_file::parse(&self.path, &text)) {
            Ok(entries) => {
                tracing::info!(operators = entries.len(), "ops tokens read again");
                self.entries.store(Arc::new(entries));
            }
            Err(error) => tracing::error!(%error, "ops tokens refused, those before stay"),
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, role: &str, token: &str) -> String {
        format!(
            "{name} {role} sha256:{}\n",
            hex::encode(digest(token.as_bytes()).0)
        )
    }

    #[test]
    fn each_token_is_its_own_operator() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, line("ann", "read", "a") + &line("bot", "act", "b")).unwrap();
        let token = Secret::new(b"d".to_vec());
        let operators = Operators::open(Some(&token), Some(&path)).unwrap();
        let found = |token: &str| operators.find(token.as_bytes());
        let named = |token| found(token).map(|o| (o.name.to_string(), o.role));
        assert_eq!(named("a"), Some(("ann".to_owned(), Role::Read)));
        assert_eq!(named("b"), Some(("bot".to_owned(), Role::Act)));
        assert_eq!(named("d"), Some(("default".to_owned(), Role::Act)));
        assert_eq!(named("x"), None);
    }

    #[test]
    fn a_changed_file_is_read_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, line("ann", "read", "a")).unwrap();
        let file = Watched::open(&path).unwrap();
        let names = || {
            let entries = file.entries.load();
            let names = entries.iter().map(|entry| entry.operator.name.to_string());
            names.collect::<Vec<_>>()
        };
        std::fs::write(&path, line("bob", "act", "b")).unwrap();
        file.look();
        assert_eq!(names(), ["bob"]);
        std::fs::write(&path, "bob act").unwrap();
        file.look();
        std::fs::remove_file(&path).unwrap();
        file.look();
        assert_eq!(names(), ["bob"], "what was good stays");
    }

    #[test]
    fn whoever_guesses_is_locked_out_even_with_the_right_token() {
        let token = Secret::new(b"right".to_vec());
        let operators = Operators::open(Some(&token), None).unwrap();
        let peer = IpAddr::from([192, 0, 2, 1]);
        let now = Instant::now();
        for _ in 0..10 {
            let wrong = operators.admit(b"wrong", peer, now);
            assert_eq!(wrong, Err(Stranger::WrongToken));
        }
        let locked = operators.admit(b"right", peer, now);
        assert_eq!(locked, Err(Stranger::LockedOut));
        let other = operators.admit(b"right", IpAddr::from([192, 0, 2, 2]), now);
        assert!(other.is_ok());
    }

    #[test]
    fn no_digest_is_shown() {
        let token = Secret::new(b"d".to_vec());
        let operators = Operators::open(Some(&token), None).unwrap();
        let shown = format!("{operators:?}");
        assert!(
            shown.contains("Digest(***)") && !shown.contains("24,"),
            "{shown}"
        );
    }
}
