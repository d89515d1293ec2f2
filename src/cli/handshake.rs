//! `signalpost handshake open`: lets a provider hand over the secret of a source.
//!
//! Talks to the ops listener of a running gateway and to nothing else; the secret itself never comes here.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::events::client::{Client, Error};
use super::events::{Connection, problem};
use super::{End, Output, print};

/// Let a provider that hands its secret over do so.
///
/// Asana sends the secret of a webhook in the request that registers it. The gateway takes it only while this window is open
/// and the `file:` of the source's secret is not there yet, and writes it to that file. Where several gateways share a store,
/// the window is open at the one that is asked.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Open(Open),
}

/// Open the window, then register the webhook at the provider.
#[derive(Args, Debug)]
struct Open {
    /// The source, as routes.toml names it.
    #[arg(value_name = "SOURCE")]
    source: String,

    /// For how long, at most 1h.
    #[arg(long = "for", value_name = "DURATION", default_value = "10m")]
    span: String,

    /// Why; kept in the audit line.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> End {
    let Connection { ops, printed } = arguments.connection;
    let output = printed.output;
    let Command::Open(open) = arguments.command;
    let opened = match Client::new(&ops) {
        Ok(client) => ask(&client, &open).await,
        Err(error) => Err(error),
    };
    match opened {
        Ok(found) => {
            match output {
                Output::Json => print(&found.to_string()),
                Output::Text => print(&format!(
                    "open until {}: register the webhook now",
                    found["open_until"].as_str().unwrap_or_default()
                )),
            }
            End::Ok
        }
        Err(error) => problem(&error),
    }
}

async fn ask(client: &Client, open: &Open) -> Result<Value, Error> {
    let mut body = json!({ "for": open.span });
    if let Some(note) = &open.note {
        body["note"] = json!(note);
    }
    client
        .post(&["sources", &open.source, "handshake"], &body)
        .await
}
