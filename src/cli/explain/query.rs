//! `explain --query`: the flags of a question, and the keys that a token is checked with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::decision::{self, Caller, Decision, Question, Told};
use super::{Arguments, End, Output, complain, print};
use crate::clock::Timestamp;
use crate::config::Plan;
use crate::secret::Secret;
use crate::token::{Issuer, KeySet, Location};

#[derive(Args, Debug)]
pub(super) struct QueryFlags {
    /// What is asked, as in a request: "GET /orders/42/status?run=…"; without a method it is GET.
    #[arg(long, value_name = "REQUEST", value_parser = NonEmptyStringValueParser::new())]
    query: Option<String>,

    /// File with the token or API key that the caller of a query would send.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "caller",
        requires = "query"
    )]
    token: Option<PathBuf>,

    /// A query's caller without a token, as JSON: `{"roles":["support"],"claims":{…}}`; `issuer` and `subject` too.
    /// Without `roles` they are read from the claims, as the issuer's are.
    #[arg(long = "as", id = "caller", value_name = "JSON", requires = "query")]
    caller: Option<String>,

    /// File with the JSON body of a query that is a POST.
    #[arg(long, value_name = "FILE", requires = "query")]
    body: Option<PathBuf>,
}

impl QueryFlags {
    pub(super) const fn is_asked(&self) -> bool {
        self.query.is_some()
    }
}

pub(super) fn run(arguments: &Arguments, plan: &Plan, now: Timestamp) -> End {
    match explain(arguments, plan, now) {
        Ok(decision) => {
            match arguments.connection.printed.output {
                Output::Text => print(&decision.text()),
                Output::Json => print(&decision.json()),
            }
            settle(&arguments.expect, &decision)
        }
        Err(sentence) => {
            complain(&sentence);
            End::Usage
        }
    }
}

fn settle(expected: &[String], decision: &Decision) -> End {
    let found = decision.verdict();
    match expected.iter().find(|expected| *expected != found) {
        Some(expected) => {
            complain(&format!("expected {expected}, found {found}"));
            End::Problem
        }
        None => End::Ok,
    }
}

fn explain(arguments: &Arguments, plan: &Plan, now: Timestamp) -> Result<Decision, String> {
    let flags = &arguments.query;
    let known = |expected: &&String| !["allow", "deny"].contains(&expected.as_str());
    if let Some(unknown) = arguments.expect.iter().find(known) {
        return Err(format!(
            "--expect of a query is allow or deny, not {unknown:?}"
        ));
    }
    let body = flags.body.as_deref();
    let body = body.map(|path| read(path, "--body")).transpose()?;
    let question = Question::parse(flags.query.as_deref().unwrap_or_default(), body)?;
    let caller = match (&flags.token, &flags.caller) {
        (Some(path), _) => Caller::Token(token(path)?),
        (None, Some(json)) => {
            let told: Told =
                serde_json::from_str(json).map_err(|error| format!("--as: {error}"))?;
            Caller::Told(told)
        }
        (None, None) => return Err("give --token FILE or --as JSON".to_owned()),
    };
    if let Caller::Token(_) = caller {
        fill_rings(plan.issuers.values(), arguments.keys.as_deref())?;
    }
    Ok(decision::decide(plan, &question, &caller, now))
}

fn token(path: &Path) -> Result<Secret, String> {
    let bytes = read(path, "--token")?;
    let text = bytes.trim_ascii();
    // As it is copied from a request.
    let text = text.strip_prefix(b"Bearer ").unwrap_or(text);
    Ok(Secret::new(text.to_vec()))
}

/// Keys that `serve` would have fetched: from the files that the routing file names; `given` stands for those that
/// have an address.
pub(in crate::cli) fn fill_rings<'i>(
    issuers: impl IntoIterator<Item = &'i Arc<Issuer>>,
    given: Option<&Path>,
) -> Result<(), String> {
    let given = given.map(key_set).transpose()?;
    for issuer in issuers {
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
