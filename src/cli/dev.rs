//! `signalpost dev`: a gateway for trying out routes on this machine, with a Temporal of its own.
//!
//! [`Stack`] is that pair; the demo `examples/orders` stands on it too.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Parser};
use tempfile::TempDir;

use super::{End, complain, serve};
use crate::devserver::{self, DevServer, binary};
use crate::gateway::{Gateway, StartError};
use crate::settings::{self, ServeSettings};
use crate::telemetry::{Telemetry, log};
use crate::temporal::{self, Temporal};

/// Try routes out on this machine: a Temporal dev server, the gateway, and every event as it moves.
///
/// Temporal is the first of: `TEMPORAL_ADDRESS`, `temporal` on the PATH, one built for you with Go (once;
/// it takes some minutes). The routing file is read again whenever you save it. Events are kept for
/// this run only, unless --store says where. Everything ends with Ctrl-C.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The routing file.
    #[arg(
        long,
        env = "SIGNALPOST_ROUTES",
        value_name = "FILE",
        default_value = "routes.toml"
    )]
    routes: PathBuf,

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

/// Why the pair does not come up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Binary(#[from] binary::Error),
    #[error(transparent)]
    DevServer(#[from] devserver::Error),
    #[error(transparent)]
    Temporal(#[from] temporal::Error),
    #[error(transparent)]
    Gateway(#[from] StartError),
    #[error(transparent)]
    Environment(#[from] clap::Error),
    #[error(transparent)]
    Settings(#[from] settings::Error),
    #[error("the system gives no temporary folder: {0}")]
    Folder(#[from] std::io::Error),
}

/// What a [`Stack`] is made of.
#[derive(Clone, Debug)]
pub struct Options {
    pub routes: PathBuf,
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
    /// None: a folder that goes with the stack.
    pub store: Option<PathBuf>,
    /// Where the dev server's program is built and looked for.
    pub server_dir: PathBuf,
    /// With Temporal's own pages.
    pub ui: bool,
    pub allow_unverified: bool,
    /// Looked up before the process's environment, for `env:NAME` in the routing file.
    pub secrets: HashMap<String, String>,
}

/// A Temporal dev server, unless one was there, and a gateway in front of it.
pub struct Stack {
    gateway: Gateway,
    server: Option<DevServer>,
    temporal_address: String,
    _folder: Option<TempDir>,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

impl Stack {
    /// Brings both up; `say` is told what happens, also while the dev server is built.
    pub async fn open(options: Options, say: &(dyn Fn(&str) + Sync)) -> Result<Self, Error> {
        let (server, temporal_address) = match binary::find(&options.server_dir, say).await? {
            binary::Found::Address(address) => (None, address),
            binary::Found::Program(binary) => {
                let server = DevServer::start(&devserver::Options {
                    binary,
                    ui: options.ui,
                    ..devserver::Options::default()
                })
                .await?;
                let address = server.address();
                say(&format!("Temporal: a dev server of our own at {address}"));
                (Some(server), address)
            }
        };
        let telemetry = Telemetry::new();
        let temporal = Temporal::new(
            &temporal::Options {
                // A server that was there already may need more than its address.
                address: server.as_ref().map(DevServer::address),
                namespace: None,
            },
            telemetry.clone(),
        )?;
        let folder = match &options.store {
            Some(_) => None,
            None => Some(tempfile::tempdir()?),
        };
        let in_folder = folder
            .as_ref()
            .map(|folder| folder.path().join("signalpost.db"));
        let mut settings = Others::try_parse_from(["signalpost"])?.settings.options()?;
        settings.routes = options.routes;
        settings.listen = options.listen;
        settings.ops_listen = options.ops_listen;
        if let Some(store) = options.store.or(in_folder) {
            settings.store = store;
        }
        settings.allow_unverified = options.allow_unverified;
        let mut gateway = serve::options(settings, temporal.namespace());
        let secrets = options.secrets;
        let before = Arc::clone(&gateway.config.env);
        gateway.config.env =
            Arc::new(move |name| secrets.get(name).cloned().or_else(|| before(name)));
        if let Some(ui) = server.as_ref().and_then(DevServer::ui_url) {
            gateway.temporal_ui = Some(ui);
        }
        let gateway = Gateway::start(gateway, temporal, telemetry).await?;
        Ok(Self {
            gateway,
            server,
            temporal_address,
            _folder: folder,
        })
    }

    /// `http://host:port` of the public listener.
    #[must_use]
    pub fn public(&self) -> String {
        format!("http://{}", self.gateway.public_address())
    }

    /// `http://host:port` of the ops listener.
    #[must_use]
    pub fn ops(&self) -> String {
        format!("http://{}", self.gateway.ops_address())
    }

    /// `host:port` of Temporal's front end.
    #[must_use]
    pub fn temporal_address(&self) -> &str {
        &self.temporal_address
    }

    /// Temporal's own pages, where this stack started them.
    #[must_use]
    pub fn temporal_ui(&self) -> Option<String> {
        self.server.as_ref().and_then(DevServer::ui_url)
    }

    /// Drains the gateway, then ends the dev server.
    pub async fn close(self) {
        self.gateway.drain_now().await;
        if let Some(server) = self.server
            && let Err(error) = server.stop().await
        {
            tracing::warn!(%error, "the Temporal dev server did not end as it should");
        }
    }
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
    let routes = arguments.routes.clone();
    let stack = Stack::open(
        Options {
            routes: arguments.routes,
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

/// All settings of `serve` that `dev` has no flag for: as the environment has them, else their defaults.
#[derive(Parser)]
struct Others {
    #[command(flatten)]
    settings: ServeSettings,
}
