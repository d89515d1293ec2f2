//! `signalpost explain --query`: would this caller be answered, and why, step by step, by the code that serves.
//!
//! Offline: the routing file, a token or what one would say, and the issuer's keys from a file. `decision` decides;
//! this file reads what it needs and prints. The token itself is never printed.

mod decision;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use super::{End, Output, complain, print, routes};
use crate::clock::{self, Timestamp};
use crate::config::Plan;
use crate::secret::Secret;
use crate::token::{Issuer, KeySet, Location};
use decision::{Caller, Decision, Question, Told};

/// Explain what a query would be answered, and why.
///
/// Decides exactly as `serve` does, without a gateway, without Temporal and without the network: an issuer's keys come
/// from the file that the routing file names, or from `--keys`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// What is asked, as in a request: "GET /orders/42/status?run=…"; without a method it is GET.
    #[arg(long, value_name = "REQUEST", value_parser = NonEmptyStringValueParser::new())]
    query: String,

    /// File with the token or API key that the caller would send.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "caller",
        required_unless_present = "caller"
    )]
    token: Option<PathBuf>,

    /// A caller without a token, as JSON: `{"roles":["support"],"claims":{…}}`; `issuer` and `subject` too. Without
    /// `roles` they are read from the claims, as the issuer's are.
    #[arg(long = "as", id = "caller", value_name = "JSON")]
    caller: Option<String>,

    /// File with the issuer's keys (a JWKS), where the routing file has only their address.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// File with the JSON body of a POST.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,

    /// When it is asked, RFC 3339; a token from a capture has expired long ago. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,

    /// Exit with 1 unless this is what comes out.
    #[arg(long, value_name = "VERDICT")]
    expect: Option<Verdict>,

    /// The routing file.
    #[arg(
        long,
        env = "SIGNALPOST_ROUTES",
        value_name = "FILE",
        default_value = "routes.toml"
    )]
    routes: PathBuf,

    /// Print for people or for programs.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verdict {
    Allow,
    Deny,
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("a time is written as in 2026-08-01T12:00:00Z")
}

pub(super) fn run(arguments: &Arguments) -> End {
    let Some(plan) = routes::load(&arguments.routes, true) else {
        return End::Problem;
    };
    match explain(arguments, &plan) {
        Ok(decision) => {
            match arguments.output {
                Output::Text => print(&decision.text()),
                Output::Json => print(&decision.json()),
            }
            settle(arguments.expect, &decision)
        }
        Err(sentence) => {
            complain(&sentence);
            End::Usage
        }
    }
}

fn settle(expect: Option<Verdict>, decision: &Decision) -> End {
    let found = if decision.is_allowed() {
        Verdict::Allow
    } else {
        Verdict::Deny
    };
    match expect {
        Some(expected) if expected != found => {
            complain(&format!("expected {expected:?}, found {found:?}").to_lowercase());
            End::Problem
        }
        _ => End::Ok,
    }
}

fn explain(arguments: &Arguments, plan: &Plan) -> Result<Decision, String> {
    let question = Question::parse(&arguments.query, body(arguments)?)?;
    let caller = match (&arguments.token, &arguments.caller) {
        (Some(path), _) => Caller::Token(token(path)?),
        (None, Some(json)) => {
            let told: Told =
                serde_json::from_str(json).map_err(|error| format!("--as: {error}"))?;
            Caller::Told(told)
        }
        (None, None) => return Err("give --token FILE or --as JSON".to_owned()),
    };
    if let Caller::Token(_) = caller {
        fill_rings(plan, arguments.keys.as_deref())?;
    }
    let now = arguments.at.unwrap_or_else(clock::now);
    Ok(decision::decide(plan, &question, &caller, now))
}

fn token(path: &Path) -> Result<Secret, String> {
    let bytes = read(path, "--token")?;
    let text = bytes.trim_ascii();
    // As it is copied from a request.
    let text = text.strip_prefix(b"Bearer ").unwrap_or(text);
    Ok(Secret::new(text.to_vec()))
}

fn body(arguments: &Arguments) -> Result<Option<Vec<u8>>, String> {
    let path = arguments.body.as_deref();
    path.map(|path| read(path, "--body")).transpose()
}

/// Keys that `serve` would have fetched: from the files that the routing file names; `--keys` stands for those that
/// have an address.
fn fill_rings(plan: &Plan, given: Option<&Path>) -> Result<(), String> {
    let given = given.map(key_set).transpose()?;
    for issuer in plan.issuers.values() {
        match &issuer.keys {
            Some(Location::File(path)) => fill(issuer, key_set(path)?),
            Some(_) => {
                if let Some(keys) = &given {
                    fill(issuer, Arc::clone(keys));
                }
            }
            None => {}
        }
    }
    Ok(())
}

fn fill(issuer: &Issuer, keys: Arc<KeySet>) {
    issuer.ring.replace(keys);
}

fn key_set(path: &Path) -> Result<Arc<KeySet>, String> {
    let bytes = read(path, "the keys'")?;
    KeySet::from_jwks(&bytes)
        .map(Arc::new)
        .map_err(|fault| format!("{}: {fault}", path.display()))
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path)
        .map_err(|error| format!("{what} file {} cannot be read: {error}", path.display()))
}
