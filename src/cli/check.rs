//! `signalpost check`: the loader of `serve`, and every problem it finds; with `--live`, what running workflows know.

mod live;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::flags::Printed;
use super::{End, Output, complain, print};
use crate::config::{self, Problem, SecretPolicy, Severity};
use crate::settings::values::{self, Size};
use crate::telemetry::Telemetry;
use crate::temporal::{self, Temporal};
use live::{Finding, Verdict};

/// Check a routing file exactly as `serve` would load it, and print every problem at once.
///
/// Exit code 0 if the file would be served, 1 if it has an error. Secrets that cannot be read here are
/// warnings, so that a file can be checked where its secrets are not.
///
/// With --live, running workflows are asked whether they have the routed signals and queries. A signal or query that one of them
/// does not list is an error, one that nobody can tell of a note. The list is what the SDK says: the handlers that the
/// workflow has registered so far, in Go the signals that its code has asked for so far; some SDKs list none.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Arguments {
    /// The routing file.
    #[arg(
        value_name = "FILE",
        env = "SIGNALPOST_ROUTES",
        default_value = "routes.toml"
    )]
    file: PathBuf,

    /// Secrets must be readable: an unreadable one is an error, as it is for `serve`.
    #[arg(long)]
    secrets: bool,

    /// Ask running workflows too. Where Temporal is, its own variables say, as for `serve`: `TEMPORAL_ADDRESS`,
    /// `TEMPORAL_NAMESPACE` and so on.
    #[arg(long)]
    live: bool,

    /// File with Temporal's API key, for --live, as `serve` has it.
    #[arg(long, env = "SIGNALPOST_TEMPORAL_API_KEY_FILE", value_name = "FILE")]
    temporal_api_key_file: Option<PathBuf>,

    /// Largest body that `serve` takes, as its own `--max-body`: a source cannot raise it.
    #[arg(long, env = "SIGNALPOST_MAX_BODY", value_name = "SIZE")]
    #[arg(default_value = "1MiB", value_parser = values::size)]
    max_body: Size,

    /// Exit with 1 on warnings too.
    #[arg(long)]
    deny_warnings: bool,

    /// Allow `provider = "none"`, as `serve --allow-unverified` does.
    #[arg(long)]
    allow_unverified: bool,

    /// What providers call, without the path, as `serve --public-url` has it: some sign the address.
    #[arg(long, env = "SIGNALPOST_PUBLIC_URL", value_name = "URL", value_parser = values::public_url)]
    public_url: Option<String>,

    #[command(flatten)]
    printed: Printed,
}

pub(super) async fn run(arguments: &Arguments) -> End {
    let temporal = if arguments.live {
        let options = temporal::Options {
            api_key_file: arguments.temporal_api_key_file.clone(),
            ..temporal::Options::default()
        };
        match Temporal::new(&options, Telemetry::new()) {
            Ok(temporal) => Some(temporal),
            Err(error) => {
                complain(&error.to_string());
                return End::Usage;
            }
        }
    } else {
        None
    };
    let namespace = temporal.as_ref().map_or("default", Temporal::namespace);
    let mut options = config::Options::new(namespace);
    options.allow_unverified = arguments.allow_unverified;
    options.public_url.clone_from(&arguments.public_url);
    options.max_body = Some(arguments.max_body.bytes());
    if !arguments.secrets {
        options.secrets = SecretPolicy::Warn;
    }
    let loaded = config::load(&arguments.file, &options);
    let found = match (&temporal, &loaded.plan) {
        (Some(temporal), Some(plan)) => match live::ask(plan, temporal).await {
            Ok(found) => Some(found),
            Err(sentence) => {
                complain(&sentence);
                return End::Problem;
            }
        },
        // Nothing of a file that would be refused reaches a workflow.
        (Some(_), None) => Some(Vec::new()),
        (None, _) => None,
    };
    report(arguments, &loaded.problems, found.as_deref())
}

fn report(arguments: &Arguments, problems: &[Problem], found: Option<&[Finding]>) -> End {
    let count = |severity| {
        let of = |problem: &&Problem| problem.severity == severity;
        problems.iter().filter(of).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match arguments.printed.output {
        Output::Json => print(&as_json(problems, found)),
        Output::Text => {
            for problem in problems {
                print(&problem.to_string());
            }
            for finding in found.into_iter().flatten() {
                print(&finding.to_string());
            }
            complain(&summary(arguments, errors, warnings));
        }
    }
    let count = |verdict| {
        let found = found.into_iter().flatten();
        found.filter(|finding| finding.verdict == verdict).count()
    };
    let errors = errors + count(Verdict::Absent);
    let notes = warnings + count(Verdict::Unknown);
    if errors > 0 || (arguments.deny_warnings && notes > 0) {
        End::Problem
    } else {
        End::Ok
    }
}

fn summary(arguments: &Arguments, errors: usize, warnings: usize) -> String {
    let file = arguments.file.display();
    match (errors, warnings) {
        (0, 0) => format!("{file}: no problems"),
        (0, warnings) => format!("{file}: would be served, {}", counted(warnings, "warning")),
        (errors, 0) => format!("{file}: {}", counted(errors, "error")),
        (errors, warnings) => format!(
            "{file}: {}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn as_json(problems: &[Problem], found: Option<&[Finding]>) -> String {
    match found {
        Some(found) => json!({ "problems": problems, "live": found }).to_string(),
        None => json!({ "problems": problems }).to_string(),
    }
}
