//! `signalpost events`: what happened to webhooks, and what to do about what is parked or unrouted.
//!
//! Talks to the ops listener of a running gateway and to nothing else. One file for each kind of
//! command; `client` is the way there, `answer` what comes back.

mod act;
mod advice;
mod answer;
mod bulk;
pub(super) mod client;
pub(super) mod export;
mod filter;
mod kept;
mod list;
mod show;
pub(super) mod table;
mod tail;

use clap::{Args, Subcommand};

use super::flags::{OpsListener, Printed};
use super::{End, Output, complain, print, root_cause};
use client::{Client, Error};
pub(super) use kept::{Kept, kept};
pub(super) use table::plain;

/// See where webhooks went, and deal with what is parked or unrouted.
///
/// Talks to the ops listener of a running gateway, and prints with `-o json` what its API says. Where that
/// wants a token, it is read from `SIGNALPOST_OPS_TOKEN`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,

    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
pub(super) struct Connection {
    #[command(flatten)]
    pub(super) ops: OpsListener,

    #[command(flatten)]
    pub(super) printed: Printed,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Tail(tail::Arguments),
    Export(export::Arguments),
    Retry(act::Retry),
    Drop(act::Drop),
    Replay(act::Replay),
    Erase(act::Erase),
}

pub(super) async fn run(arguments: Arguments) -> End {
    let output = arguments.connection.printed.output;
    let client = match Client::new(&arguments.connection.ops) {
        Ok(client) => client,
        Err(error) => return problem(&error),
    };
    let result = match arguments.command {
        Command::List(list) => list::run(&client, list, output).await,
        Command::Show(show) => show::run(&client, &show, output).await,
        Command::Tail(tail) => tail::run(&client, tail, output).await,
        Command::Export(export) => export::run(&client, export).await,
        Command::Retry(retry) => retry.run(&client, output).await,
        Command::Drop(drop) => drop.run(&client, output).await,
        Command::Replay(replay) => replay.run(&client, output).await,
        Command::Erase(erase) => erase.run(&client, output).await,
    };
    result.unwrap_or_else(|error| problem(&error))
}

pub(super) fn problem(error: &Error) -> End {
    complain(&error.to_string());
    End::Problem
}
