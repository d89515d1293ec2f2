//! `signalpost dev`: routes tried out on this machine, every event told as it moves.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::flags::RoutingFile;
use super::stack::{Error, Options, Stack};
use super::{End, complain};
use crate::devserver::binary;
use crate::telemetry::log;

/// Try routes out on this machine: a Temporal dev server, the gateway, and every event as it moves.
///
/// Temporal is the first of: `TEMPORAL_ADDRESS`, `temporal` on the PATH, one built for you with Go (once;
/// it takes some minutes). The routing file is read again whenever you save it. Events are kept for
/// this run only, unless --store says where. Everything ends with Ctrl-C.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    routing: RoutingFile,

    /// Address of the public listener.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Address of the operators' listener.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    ops_listen: SocketAddr,

    /// Keep events in this file. Default: a folder that goes when the command ends.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,

    /// Where the Temporal dev server is built and looked for. Default: the user's cache folder.
    #[arg(long, value_name = "FOLDER")]
    server_dir: Option<PathBuf>,

    /// Allow sources with `provider = "none"`, whose requests nobody proves.
    #[arg(long)]
    allow_unverified: bool,

    /// Only see to it that there is a Temporal dev server, building it if need be, and exit.
    #[arg(long)]
    prepare: bool,
}

pub(super) async fn run(arguments: Arguments) -> End {
    let server_dir = arguments.server_dir.clone().unwrap_or_else(cache_folder);
    if arguments.prepare {
        return match binary::find(&server_dir, &complain).await {
            Ok(_) => End::Ok,
            Err(error) => problem(&error.into()),
        };
    }
    // What dev is for: every event as it moves, told in the lines that serve has at this level.
    let filter = "info,signalpost::telemetry=debug,signalpost::inbox=warn";
    let options = log::Options {
        filter: filter.parse().unwrap_or_default(),
        format: Some(log::Format::Text),
    };
    if let Err(error) = log::init(&options) {
        complain(&error.to_string());
        return End::Problem;
    }
    let routes = arguments.routing.routes.clone();
    let stack = Stack::open(
        Options {
            routes: arguments.routing.routes,
            listen: arguments.listen,
            ops_listen: arguments.ops_listen,
            store: arguments.store,
            server_dir,
            ui: true,
            allow_unverified: arguments.allow_unverified,
            secrets: HashMap::new(),
        },
        &complain,
    )
    .await;
    match stack {
        Ok(stack) => until_interrupted(stack, &routes).await,
        Err(error) => problem(&error),
    }
}

fn problem(error: &Error) -> End {
    complain(&error.to_string());
    End::Problem
}

async fn until_interrupted(stack: Stack, routes: &Path) -> End {
    complain(&format!("\nwebhooks   {}/hooks/SOURCE", stack.public()));
    complain(&format!("events     {}/v1/events", stack.ops()));
    complain(&format!("metrics    {}/metrics", stack.ops()));
    if let Some(ui) = stack.temporal_ui() {
        complain(&format!("workflows  {ui}"));
    }
    complain(&format!(
        "routes     {}, read again when you save it",
        routes.display()
    ));
    complain(&format!(
        "try        signalpost send SOURCE BODY.json --to {}/hooks/SOURCE\n",
        stack.public()
    ));
    let interrupted = tokio::signal::ctrl_c().await;
    stack.close().await;
    if interrupted.is_ok() {
        End::Ok
    } else {
        End::Problem
    }
}

/// `$XDG_CACHE_HOME/signalpost`, `~/.cache/signalpost`, or the temporary folder.
fn cache_folder() -> PathBuf {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("signalpost")
}
