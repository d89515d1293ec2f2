//! routes.toml → [`Plan`]: the file exactly as written (`file`), compiled (`compile`), every problem
//! at once (`problem`), compared with the one before (`change`), and swapped while running (`reload`).
//!
//! `check`, `explain` and `serve` all come through [`load`]: there is no second reader. Says nothing
//! about the process (addresses, store, Temporal). May import `telemetry` and what lies below it.

pub mod cases;
pub mod change;
pub mod codes;
mod compile;
mod file;
mod file_rules;
mod files;
mod hints;
mod masks;
mod options;
mod problem;
mod read;
mod read_rules;
mod reload;
mod schema;
mod section;
mod source_text;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
mod written;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use compile::keys::is_key_name;
pub use files::Files;
pub use options::{Environment, Options, SecretPolicy};
pub use problem::{Problem, Severity};
pub use reload::{PlanHandle, Status};
pub use schema::schema;

use crate::access::Rules;
use crate::event::{Delivery, Event};
use crate::routing::{self, Routes};
use crate::secret::Secret;
use crate::token::{Issuer, KeyRing, KeyTable, Location, ServedKeys, api_keys};
use crate::verify::Source;
use crate::verify::certificates::Certificates;
use crate::verify::diagnosis::Candidate;

use self::change::Change;
use self::problem::{Finding, Findings};
use self::source_text::SourceText;

/// What a process runs: immutable, nothing optional left to unwrap. A request keeps one from start to end.
#[derive(Debug)]
pub struct Plan {
    /// SHA-256 (hex) over the routing file and the schemas that it names, no secrets.
    pub digest: String,
    /// The routing file itself: what the next one is compared with.
    text: String,
    pub sources: HashMap<Arc<str>, Arc<Source>>,
    pub issuers: HashMap<Arc<str>, Arc<Issuer>>,
    /// API keys by hash.
    pub keys: Arc<KeyTable>,
    pub routes: Routes,
    pub queries: Rules,
    /// Holders that run with the last value of a secret file that can no longer be read.
    pub stale_secrets: Vec<Arc<str>>,
    /// Sources of which a secret cannot be read here at all: nothing can be signed or verified with what
    /// stands in for it. Empty where secrets are required.
    pub secrets_missing: HashSet<Arc<str>>,
    /// Certificates that were fetched for sources; empty at first.
    fetched: Certificates,
    /// Single keys that sources asked for, likewise.
    served: ServedKeys,
    /// What the secret files held, for the plan after this one.
    secret_files: HashMap<PathBuf, Secret>,
}

impl Plan {
    /// The deliveries of an event by the rules of this plan, roles included, as if it came now; none: unrouted.
    pub fn route(&self, event: &Event) -> Result<Vec<Delivery>, routing::Refusal> {
        self.routes.resolve(event, &self.roles(event))
    }

    /// The same for one that is kept already: it cannot be refused any more.
    #[must_use]
    pub fn route_kept(&self, event: &Event) -> Vec<Delivery> {
        self.routes.resolve_kept(event, &self.roles(event))
    }

    fn roles(&self, event: &Event) -> Vec<String> {
        let source = self.sources.get(&event.source);
        let speaker = source.and_then(|source| source.speaker(event));
        speaker.map_or_else(Vec::new, |speaker| speaker.roles)
    }

    /// What is different in another plan.
    #[must_use]
    pub fn change_to(&self, next: &Self) -> Change {
        Change::between(&self.text, &next.text)
    }

    /// Files of secrets that hold something else than they did for the plan before, as the routing file names them.
    fn renewed_secrets(&self, before: &Self) -> Vec<String> {
        let renewed = self.secret_files.iter().filter(|(path, secret)| {
            let known = before.secret_files.get(*path);
            known.is_some_and(|known| known != *secret)
        });
        let mut names: Vec<_> = renewed
            .map(|(path, _)| format!("file:{}", path.display()))
            .collect();
        names.sort_unstable();
        names
    }

    /// Another value, or one more or less that can no longer be read.
    fn holds_other_secrets(&self, before: &Self) -> bool {
        self.secret_files != before.secret_files || self.stale_secrets != before.stale_secrets
    }

    /// Every ring that is filled from elsewhere: those of issuers, and those of sources whose provider publishes its keys.
    pub fn key_rings(&self) -> impl Iterator<Item = (&Location, &KeyRing)> {
        let issuers = self.issuers.values();
        let issuers = issuers.filter_map(|issuer| Some((issuer.keys.as_ref()?, &issuer.ring)));
        let sources = self.sources.values().filter_map(|it| it.published_keys());
        issuers.chain(sources.map(|keys| (&keys.location, &keys.ring)))
    }

    /// Each holder of secrets, as alarms call it, and whether one of them keeps a last value: sources by their
    /// names, issuers with shared secrets as `issuer:NAME`.
    pub fn secret_holders(&self) -> impl Iterator<Item = (Arc<str>, bool)> {
        let shared = self.issuers.values().filter(|it| it.keys.is_none());
        let issuers = shared.map(|issuer| compile::issuers::secret_holder(&issuer.name));
        let holders = self.sources.keys().cloned().chain(issuers);
        holders.map(|name| {
            let stale = self.stale_secrets.contains(&name);
            (name, stale)
        })
    }
}

/// What came of a routing file.
#[derive(Debug)]
pub struct Loaded {
    /// Present if and only if no problem is an error.
    pub plan: Option<Plan>,
    pub problems: Vec<Problem>,
    /// What the file depends on, itself first of all; known for a refused file too.
    pub files: Files,
    /// The secrets of all sources in the order of the file, with what each is called there: for `explain`, which looks
    /// for the one that a provider used. Who serves lets them go.
    pub secrets: Vec<Candidate>,
}

/// Reads and compiles a routing file.
#[must_use]
pub fn load(path: &Path, options: &Options) -> Loaded {
    load_after(path, options, None)
}

/// Compiles a text as the content of a file so named.
#[must_use]
pub fn compile(text: &str, file: &str, options: &Options) -> Loaded {
    compile_after(text, file, Files::default(), options, None)
}

/// As [`load`], with the plan that runs: it lends secrets whose files have become unreadable, and the
/// keys of issuers that stay.
fn load_after(path: &Path, options: &Options, running: Option<&Plan>) -> Loaded {
    let file = path.display().to_string();
    let mut files = Files::default();
    match files.read(path) {
        Ok(bytes) => compile_bytes(bytes, &file, files, options, running),
        Err(why) => {
            let message = format!("the routing file cannot be read: {why}");
            let help = "give its path with --routes or SIGNALPOST_ROUTES";
            Loaded {
                plan: None,
                problems: vec![Problem::of_file(&file, codes::UNREADABLE, message, help)],
                files,
                secrets: Vec::new(),
            }
        }
    }
}

fn compile_bytes(
    bytes: Vec<u8>,
    file: &str,
    files: Files,
    options: &Options,
    running: Option<&Plan>,
) -> Loaded {
    match String::from_utf8(bytes) {
        Ok(text) => compile_after(&text, file, files, options, running),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            Loaded {
                plan: None,
                problems: not_utf8(&text, file, valid),
                files,
                secrets: Vec::new(),
            }
        }
    }
}

fn compile_after(
    text: &str,
    file: &str,
    files: Files,
    options: &Options,
    running: Option<&Plan>,
) -> Loaded {
    let mut source_text = SourceText::new(file, text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    source_text.mask(masks::of_document(document.get_ref()));
    source_text.mask(api_keys::in_text(text));
    if !errors.is_empty() {
        source_text.mask(masks::of_lines(text));
        return Loaded {
            plan: None,
            problems: syntax_errors(&errors, text).locate(&source_text),
            files,
            secrets: Vec::new(),
        };
    }
    let mut findings = Findings::default();
    let written = read::read(&document, &mut findings);
    let compiled = compile::compile(&written, &source_text, findings, files, options, running);
    let problems = compiled.findings.locate(&source_text);
    let refused = problems.iter().any(Problem::is_error);
    let plan = Plan {
        digest: compiled.schemas.digest(text),
        text: text.to_owned(),
        sources: compiled.sources,
        issuers: compiled.issuers,
        keys: compiled.keys,
        routes: Routes::new(compiled.routes),
        queries: Rules::new(compiled.queries),
        stale_secrets: compiled.secrets.stale,
        secrets_missing: compiled.secrets.stand_ins,
        fetched: compiled.fetched,
        served: compiled.served,
        secret_files: compiled.secrets.read,
    };
    Loaded {
        plan: (!refused).then_some(plan),
        problems,
        files: compiled.files,
        secrets: compiled.secrets.named,
    }
}

/// `text` has a replacement character in the place of each fault; the first stands at `at`.
fn not_utf8(text: &str, file: &str, at: usize) -> Vec<Problem> {
    let mut source_text = SourceText::new(file, text);
    source_text.mask(masks::of_lines(text));
    source_text.mask(api_keys::in_text(text));
    let mut findings = Findings::default();
    let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
    findings.push(
        Finding::error(codes::UNREADABLE, span, "this is not UTF-8").help("save the file as UTF-8"),
    );
    findings.locate(&source_text)
}

/// One for each line, and one for a table that stands twice: the parser recovers, and what it then says
/// about the same spot is noise.
fn syntax_errors(errors: &[toml::de::Error], text: &str) -> Findings {
    let mut findings = Findings::default();
    let mut said_until = 0;
    let end = text.len();
    let mut placed: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(end..end), error))
        .collect();
    placed.sort_by_key(|(span, _)| span.start);
    for (span, error) in placed {
        if !findings.is_empty() && span.start <= said_until {
            continue;
        }
        let rest = text.get(span.start..).unwrap_or("");
        let line_start = text.get(..span.start).and_then(|before| before.rfind('\n'));
        let line_start = line_start.map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or("");
        let line = line.lines().next().unwrap_or("");
        let is_heading = line.trim_start().starts_with('[');
        let twice = is_heading && error.message().starts_with("duplicate key");
        let end = rest.find(if twice { "\n[" } else { "\n" });
        said_until = end.map_or(text.len(), |end| span.start + end);
        let (message, help) = hints::syntax(error.message(), line, span.start - line_start);
        findings
            .push(Finding::error(codes::SYNTAX, span, message).maybe_help(help.map(str::to_owned)));
    }
    findings
}
