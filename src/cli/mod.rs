//! The command line: what a person types and what it prints.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 ok, 1 a problem was found, 2 usage.
//! Called by `main` alone; may import everything.

mod check;
mod dev;
mod diff;
mod events;
mod explain;
mod flags;
mod handshake;
mod healthcheck;
mod keys;
mod notify;
mod providers;
mod routes;
mod schema;
mod send;
mod serve;
pub mod stack;
mod store;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::settings::environment;

/// The front door for webhooks into Temporal: verifies them, keeps them, routes them, signals workflows.
///
/// Start with `signalpost check`, then `signalpost dev` to try your routes out on this machine, then
/// `signalpost serve`.
#[derive(Debug, Parser)]
#[command(name = "signalpost", version, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it lives as long as the process"
)]
enum Command {
    Serve(serve::Arguments),
    Check(check::Arguments),
    Diff(diff::Arguments),
    Explain(explain::Arguments),
    Test(test::Arguments),
    Routes(routes::Arguments),
    Send(send::Arguments),
    Providers(providers::Arguments),
    Events(events::Arguments),
    Store(store::Arguments),
    Handshake(handshake::Arguments),
    Healthcheck(healthcheck::Arguments),
    Keys(keys::Arguments),
    Schema(schema::Arguments),
    Dev(dev::Arguments),
}

/// How a command prints its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ok,
    /// A problem was found: exit code 1.
    Problem,
    /// Asked for in a way that cannot be: exit code 2.
    Usage,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Ok => Self::SUCCESS,
            End::Problem => Self::FAILURE,
            End::Usage => Self::from(2),
        }
    }
}

/// Runs the program with the process's own arguments and environment.
#[must_use]
pub fn run() -> ExitCode {
    if let Err(sentence) = environment::check(&Program::command(), std::env::vars_os()) {
        complain(&sentence);
        return End::Usage.into();
    }
    let program = match Program::try_parse_from(std::env::args_os().collect::<Vec<OsString>>()) {
        Ok(program) => program,
        Err(error) => {
            // To stdout where help was asked for, else to stderr; a closed pipe is nobody's concern.
            let _printed: Result<_, _> = error.print();
            let code = if error.use_stderr() {
                End::Usage
            } else {
                End::Ok
            };
            return code.into();
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the system gives no threads: {error}"));
            return End::Problem.into();
        }
    };
    let end = runtime.block_on(async {
        match program.command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Check(arguments) => check::run(&arguments).await,
            Command::Diff(arguments) => diff::run(arguments).await,
            Command::Explain(arguments) => explain::run(arguments).await,
            Command::Test(arguments) => test::run(&arguments),
            Command::Routes(arguments) => routes::run(&arguments),
            Command::Providers(arguments) => providers::run(&arguments),
            Command::Send(arguments) => send::run(&arguments).await,
            Command::Events(arguments) => events::run(arguments).await,
            Command::Store(arguments) => store::run(arguments).await,
            Command::Handshake(arguments) => handshake::run(arguments).await,
            Command::Healthcheck(arguments) => healthcheck::run(&arguments).await,
            Command::Keys(arguments) => keys::run(&arguments),
            Command::Schema(schema::Arguments {}) => schema::run(),
            Command::Dev(arguments) => dev::run(arguments).await,
        }
    });
    end.into()
}

/// A result, for people or programs.
#[expect(clippy::print_stdout, reason = "results belong on stdout")]
fn print(line: &str) {
    println!("{line}");
}

/// Everything that is no result.
#[expect(clippy::print_stderr, reason = "what is no result belongs on stderr")]
fn complain(line: &str) {
    eprintln!("{line}");
}

/// The innermost cause: the others only repeat the address.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
