//! `signalpost explain`: what would become of a webhook or a query, and why, step by step, by the code that serves.
//!
//! Offline but for an event's id, which is asked for at the ops listener. This file knows the flags; `webhook` and
//! `decision` decide, `captured` and `kept` read, `page` lays out. No token, no secret and no signature is printed.

mod arrived;
pub(super) mod captured;
pub(super) mod decision;
mod kept;
mod page;
pub(super) mod query;
mod routes;
pub(super) mod shown;
pub(super) mod step;
pub(super) mod webhook;
mod wording;

use std::path::PathBuf;

use clap::Args;

use super::events::Connection;
use super::flags::RoutingFile;
use super::{End, Output, complain, print};
use crate::clock::{self, Timestamp};
use crate::config::{Loaded, Plan};
use captured::Captured;
use webhook::{Explanation, Ground};

/// Explain what would become of a webhook or a query, and why.
///
/// A webhook is a captured request (--request FILE, or the flags of curl), or an event that a gateway has kept, by its
/// id. A query is --query with --token or --as.
///
/// Decides exactly as `serve` does. Without Temporal, and but for an event's id without a gateway and the network: an
/// issuer's keys come from the file that the routing file names, or from --keys. Where a signature does not hold,
/// what commonly goes wrong is tried, and what would have matched is named.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// An event that a gateway has kept; it is asked for at the ops listener, where its token needs the role `act`.
    #[arg(value_name = "EVENT", conflicts_with_all = ["source", "query"])]
    event: Option<String>,

    /// The source that the webhook came to. Default: the one that the request's path names.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    #[command(flatten)]
    captured: captured::RequestFlags,

    #[command(flatten)]
    query: query::QueryFlags,

    /// File with the issuer's keys (a JWKS), where the routing file has only their address.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// When it came or is asked, RFC 3339: captures and tokens are old. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,

    /// Exit with 1 unless this comes out: WORKFLOW/SIGNAL (may be repeated), refused or unrouted; of a query allow or
    /// deny.
    #[arg(long, value_name = "OUTCOME")]
    expect: Vec<String>,

    #[command(flatten)]
    routing: RoutingFile,

    #[command(flatten)]
    connection: Connection,
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("a time is written as in 2026-08-01T12:00:00Z")
}

pub(super) async fn run(arguments: Arguments) -> End {
    // Nobody can be harmed by what is only explained.
    let Some(loaded) = arguments.routing.load(true) else {
        return End::Problem;
    };
    let Loaded {
        plan: Some(plan),
        secrets,
        ..
    } = loaded
    else {
        return End::Problem;
    };
    let now = arguments.at.unwrap_or_else(clock::now);
    if arguments.query.is_asked() {
        return query::run(&arguments, &plan, now);
    }
    let ground = Ground {
        plan: &plan,
        secrets: &secrets,
        now,
    };
    match webhook(&arguments, ground).await {
        Ok(explanation) => {
            match arguments.connection.printed.output {
                Output::Text => print(&page::text(&explanation)),
                Output::Json => print(&explanation.json()),
            }
            settle(&arguments.expect, &explanation)
        }
        Err((end, sentence)) => {
            complain(&sentence);
            end
        }
    }
}

async fn webhook(arguments: &Arguments, ground: Ground<'_>) -> Result<Explanation, (End, String)> {
    let usage = |sentence: String| (End::Usage, sentence);
    for expected in &arguments.expect {
        webhook::check_expected(expected).map_err(usage)?;
    }
    if let Some(id) = &arguments.event {
        let event = super::events::kept(&arguments.connection.ops, id)
            .await
            .map_err(|sentence| (End::Problem, sentence))?;
        return kept::explain(ground, event).map_err(|sentence| (End::Problem, sentence));
    }
    let captured = captured::of(&arguments.captured).map_err(usage)?;
    let source = source(arguments, ground.plan, &captured).map_err(usage)?;
    let trust = ground.plan.sources.get(source.as_str());
    if let Some(trust) = trust.and_then(|source| source.trust()) {
        query::fill_rings(trust.issuers, arguments.keys.as_deref()).map_err(usage)?;
    }
    if let Some(missing) = secrets_missing(ground, &source) {
        return Err((End::Problem, missing));
    }
    Ok(webhook::explain(ground, &source, &captured, None))
}

fn source(arguments: &Arguments, plan: &Plan, captured: &Captured) -> Result<String, String> {
    let named = arguments.source.as_deref().or_else(|| captured.source());
    let named = named.ok_or("say which source it came to: --source NAME")?;
    // What only the path names may be wrong at the provider: that is explained, not refused.
    if arguments.source.is_some() && !plan.sources.contains_key(named) {
        let mut known: Vec<_> = plan.sources.keys().map(AsRef::as_ref).collect();
        known.sort_unstable();
        return Err(format!(
            "{} has no source {named:?}; it has: {}",
            arguments.routing.routes.display(),
            known.join(", ")
        ));
    }
    Ok(named.to_owned())
}

/// Nothing can be said of a signature without its secret.
pub(super) fn secrets_missing(ground: Ground<'_>, source: &str) -> Option<String> {
    if !ground.plan.secrets_missing.contains(source) {
        return None;
    }
    let of_source = ground.secrets.iter().filter(|it| it.source == source);
    let names: Vec<_> = of_source.map(|it| it.reference.as_str()).collect();
    Some(format!(
        "a secret of source {source:?} cannot be read here, and nothing is proven without it: see to {}",
        names.join(", ")
    ))
}

fn settle(expected: &[String], explanation: &Explanation) -> End {
    let mut end = End::Ok;
    for expected in expected {
        if !explanation.meets(expected) {
            complain(&format!(
                "expected {expected}, found {}",
                explanation.found()
            ));
            end = End::Problem;
        }
    }
    end
}
