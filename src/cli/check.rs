//! `signalpost check`: the loader of `serve`, and every problem it finds.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::flags::Printed;
use super::{End, Output, complain, print};
use crate::config::{self, Problem, SecretPolicy, Severity};

/// Check a routing file exactly as `serve` would load it, and print every problem at once.
///
/// Exit code 0 if the file would be served, 1 if it has an error. Secrets that cannot be read here are
/// warnings, so that a file can be checked where its secrets are not.
#[derive(Args, Debug)]
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

    /// Exit with 1 on warnings too.
    #[arg(long)]
    deny_warnings: bool,

    /// Allow `provider = "none"`, as `serve --allow-unverified` does.
    #[arg(long)]
    allow_unverified: bool,

    #[command(flatten)]
    printed: Printed,
}

pub(super) fn run(arguments: &Arguments) -> End {
    let mut options = config::Options::new("default");
    options.allow_unverified = arguments.allow_unverified;
    if !arguments.secrets {
        options.secrets = SecretPolicy::Warn;
    }
    let problems = config::load(&arguments.file, &options).problems;
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    match arguments.printed.output {
        Output::Json => print(&as_json(&problems)),
        Output::Text => {
            for problem in &problems {
                print(&problem.to_string());
            }
            complain(&summary(arguments, errors, warnings));
        }
    }
    if errors > 0 || (arguments.deny_warnings && warnings > 0) {
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

fn as_json(problems: &[Problem]) -> String {
    json!({ "problems": problems }).to_string()
}
