//! `secrets = ["env:NAME", "file:/path"]`: references to secrets, and what they hold.
//!
//! Nothing here shows a secret: a finding names the reference or its place alone. A secret that cannot
//! be had is replaced by the last value that the running plan had, else by a random one that nobody
//! knows, so that the rest of the file is checked all the same.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::secret::Secret;
use crate::verify::diagnosis::Candidate;
use crate::verify::given::Recipe;

use super::super::options::SecretPolicy;
use super::super::problem::{Finding, Severity};
use super::{Compiler, Text, codes};

/// Below this a key can be guessed by trying.
const SHORT: usize = 16;

/// What was read while the plan was compiled.
#[derive(Debug, Default)]
pub(in super::super) struct Secrets {
    pub(in super::super) read: HashMap<PathBuf, Secret>,
    /// Sources of which a secret keeps its last value.
    pub(in super::super) stale: Vec<Arc<str>>,
    /// Sources that have a stand-in for a secret that cannot be read.
    pub(in super::super) stand_ins: HashSet<Arc<str>>,
    /// The stand-ins themselves.
    pub(super) made: Vec<Secret>,
    /// Of all sources, each as the file calls it; one that cannot be read has its stand-in.
    pub(in super::super) named: Vec<Candidate>,
    /// Files of secrets that a handshake will bring, by source.
    pub(super) vacant: HashMap<Arc<str>, PathBuf>,
    /// What the sources of this plan were built with.
    pub(super) used: HashMap<Arc<str>, Vec<Secret>>,
    /// How their schemes were built, where those are code.
    pub(super) recipes: HashMap<Arc<str>, Recipe>,
    /// All that were read, of issuers too.
    pub(super) held: Vec<Held>,
}

/// A secret, where it stands in the file.
#[derive(Debug)]
pub(in super::super) struct Held {
    /// A source, or an issuer.
    pub(super) holder: Arc<str>,
    pub(super) span: Range<usize>,
    pub(super) secret: Secret,
}

/// Where a secret is.
enum Reference<'t> {
    Env(&'t str),
    File(&'t Path),
}

impl<'t> Reference<'t> {
    /// None: a literal, or a reference that is none.
    fn parse(text: &'t str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("env:") {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            return (!name.is_empty() && name.chars().all(plain)).then_some(Self::Env(name));
        }
        let path = text.strip_prefix("file:")?;
        path.starts_with('/').then(|| Self::File(Path::new(path)))
    }
}

impl Compiler<'_> {
    /// What a reference holds, or stands in for it; a short one is warned about. None only where the text is no
    /// reference.
    pub(super) fn secret(&mut self, source: &Arc<str>, text: &Text) -> Option<Secret> {
        let secret = self.held_secret(source, text)?;
        if secret.len() < SHORT {
            let message = format!("this secret is shorter than {SHORT} bytes");
            self.findings.push(
                Finding::warning(codes::SHORT_SECRET, text.span(), message)
                    .help("have the provider make a longer one"),
            );
        }
        Some(secret)
    }

    /// The same, whatever its length.
    pub(super) fn held_secret(&mut self, source: &Arc<str>, text: &Text) -> Option<Secret> {
        let Some(reference) = Reference::parse(text.get_ref()) else {
            self.refuse_literal(text);
            return None;
        };
        let held = match reference {
            Reference::Env(name) => (self.options.env)(name)
                .map(|value| Secret::new(value.into_bytes()))
                .ok_or_else(|| format!("the environment has no `{name}`")),
            Reference::File(path) => self
                .files
                .read(path)
                .map(without_newline)
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display())),
        };
        let secret = match held {
            Ok(secret) if secret.is_empty() => {
                self.unreadable(source, text, "this secret is empty")
            }
            Ok(secret) => {
                self.remember(text, &secret);
                self.secrets.held.push(Held {
                    holder: source.clone(),
                    span: text.span(),
                    secret: secret.clone(),
                });
                secret
            }
            Err(why) => self.unreadable(source, text, &why),
        };
        Some(secret)
    }

    /// The same for a provider that hands its secret over in the first request: the file need not be there before.
    pub(super) fn awaited_secret(&mut self, source: &Arc<str>, text: &Text) -> Option<Secret> {
        let path = match Reference::parse(text.get_ref()) {
            Some(Reference::File(path)) if self.last_value(text).is_none() => path,
            _ => return self.secret(source, text),
        };
        let absent = self.files.read(path).err().map(|error| error.kind());
        if absent != Some(ErrorKind::NotFound) {
            return self.secret(source, text);
        }
        let message = format!(
            "`{}` is not there yet: the provider hands it over",
            path.display()
        );
        self.findings.push(
            Finding::warning(codes::SECRET, text.span(), message).help(format!(
                "before you register the webhook there: `signalpost handshake open {source}`"
            )),
        );
        let vacant = self.secrets.vacant.entry(source.clone());
        vacant.or_insert_with(|| path.to_owned());
        self.secrets.stand_ins.insert(source.clone());
        Some(stand_in())
    }

    /// For the plan after this one. Only what a file held is lent: the environment cannot change.
    fn remember(&mut self, text: &Text, secret: &Secret) {
        if let Some(Reference::File(path)) = Reference::parse(text.get_ref()) {
            self.secrets.read.insert(path.to_owned(), secret.clone());
        }
    }

    /// Says what is wrong with a secret, and gives the last one that was right to go on with. `why`
    /// never quotes it.
    pub(super) fn unreadable(&mut self, source: &Arc<str>, text: &Text, why: &str) -> Secret {
        let Some(last) = self.last_value(text) else {
            return self.refuse_secret(source, text, why);
        };
        let message = format!("{why}; its last value stays in use");
        self.findings
            .push(Finding::warning(codes::STALE_SECRET, text.span(), message));
        if !self.secrets.stale.contains(source) {
            self.secrets.stale.push(source.clone());
        }
        self.remember(text, &last);
        last
    }

    pub(super) fn refuse_secret(&mut self, source: &Arc<str>, text: &Text, why: &str) -> Secret {
        let severity = match self.options.secrets {
            SecretPolicy::Required => Severity::Error,
            SecretPolicy::Warn => Severity::Warning,
        };
        let help = match Reference::parse(text.get_ref()) {
            Some(Reference::Env(_)) => {
                "set it for the process: to see a change, it needs a restart, or use file:"
            }
            _ => "see that the file is there, that this user may read it, and what it holds",
        };
        self.findings.push(
            Finding::error(codes::SECRET, text.span(), why)
                .with_severity(severity)
                .help(help),
        );
        self.secrets.stand_ins.insert(source.clone());
        let secret = stand_in();
        self.secrets.made.push(secret.clone());
        secret
    }

    pub(super) fn last_value(&self, text: &Text) -> Option<Secret> {
        match Reference::parse(text.get_ref()) {
            Some(Reference::File(path)) => self.running?.secret_files.get(path).cloned(),
            _ => None,
        }
    }

    fn refuse_literal(&mut self, text: &Text) {
        let (code, message, help) = match text.get_ref() {
            t if t.starts_with("env:") => (
                codes::BAD_VALUE,
                "this is no name of an environment variable",
                "letters, digits and `_`, as in \"env:STRIPE_WEBHOOK_SECRET\"",
            ),
            t if t.starts_with("file:") => (
                codes::BAD_VALUE,
                "`file:` needs an absolute path",
                "as in \"file:/run/secrets/stripe\"",
            ),
            t if is_reference_in_capitals(t) => (
                codes::BAD_VALUE,
                "`env:` and `file:` are written in small letters",
                "as in \"env:STRIPE_WEBHOOK_SECRET\" or \"file:/run/secrets/stripe\"",
            ),
            _ => (
                codes::LITERAL_SECRET,
                "a secret stands in the file: it can be read by everybody who reads the file",
                "write \"env:NAME\" or \"file:/path\", and have the provider make a new secret",
            ),
        };
        self.findings
            .push(Finding::error(code, text.span(), message).help(help));
    }
}

fn is_reference_in_capitals(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    ["env", "file"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// The same for schemes whose secret is a pair, `user:password`.
pub(super) fn stand_in_pair() -> Secret {
    let pair = [stand_in(), stand_in()];
    Secret::new([pair[0].expose(), b":", pair[1].expose()].concat())
}

/// A random secret that nobody knows: with it nothing verifies. 64 hex digits are valid in every form that the key
/// of a hash may have, and long enough for each.
fn stand_in() -> Secret {
    let halves = [Uuid::new_v4(), Uuid::new_v4()].map(|half| half.simple().to_string());
    Secret::new(halves.concat().into_bytes())
}

/// Editors and `echo` end a file with a newline; one is not part of the secret.
fn without_newline(mut content: Vec<u8>) -> Secret {
    if content.last() == Some(&b'\n') {
        content.pop();
        if content.last() == Some(&b'\r') {
            content.pop();
        }
    }
    Secret::new(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_secret() {
        for (content, secret) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a")] {
            let read = without_newline(content.as_bytes().to_vec());
            assert_eq!(read.expose(), secret.as_bytes());
        }
    }
}
