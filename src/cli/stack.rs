//! A Temporal dev server and a gateway in front of it: what `dev` and the demo `examples/orders` stand on.
//!
//! Started together and ended together, with settings of `serve` from the environment for all that is not
//! said here.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tempfile::TempDir;

use super::serve;
use crate::devserver::{self, DevServer, binary};
use crate::gateway::{self, Gateway, StartError};
use crate::settings::{self, ServeSettings};
use crate::telemetry::Telemetry;
use crate::temporal::{self, Temporal};

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
        let (server, temporal_address) = temporal(&options, say).await?;
        let telemetry = serve::traced(Telemetry::new());
        let temporal = Temporal::new(
            &temporal::Options {
                // A server that was there already may need more than its address.
                address: server.as_ref().map(DevServer::address),
                ..temporal::Options::default()
            },
            telemetry.clone(),
        )?;
        let (store, folder) = if let Some(store) = &options.store {
            (store.clone(), None)
        } else {
            let folder = tempfile::tempdir()?;
            (folder.path().join("signalpost.db"), Some(folder))
        };
        let mut options = gateway_options(options, store, temporal.namespace())?;
        if let Some(ui) = server.as_ref().and_then(DevServer::ui_url) {
            options.temporal_ui = ui.parse().ok();
        }
        let gateway = Gateway::start(options, temporal, telemetry).await?;
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

/// The server that is there, or one of our own; and its address.
async fn temporal(
    options: &Options,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(Option<DevServer>, String), Error> {
    let binary = match binary::find(&options.server_dir, say).await? {
        binary::Found::Address(address) => return Ok((None, address)),
        binary::Found::Program(binary) => binary,
    };
    let server = DevServer::start(&devserver::Options {
        binary,
        ui: options.ui,
        ..devserver::Options::default()
    })
    .await?;
    let address = server.address();
    say(&format!("Temporal: a dev server of our own at {address}"));
    Ok((Some(server), address))
}

/// All settings of `serve` that a stack has no option for: as the environment has them, else their defaults.
#[derive(Parser)]
struct Others {
    #[command(flatten)]
    settings: ServeSettings,
}

fn gateway_options(
    options: Options,
    store: PathBuf,
    namespace: &str,
) -> Result<gateway::Options, Error> {
    let mut settings = Others::try_parse_from(["signalpost"])?.settings.options()?;
    settings.routes = options.routes;
    settings.listen = options.listen;
    settings.ops_listen = options.ops_listen;
    // Webhooks are sent from this machine, and the addresses that dev tells are plain.
    settings.tls = None;
    settings.store = settings::Store::File(store);
    settings.allow_unverified = options.allow_unverified;
    let mut gateway = serve::options(settings, namespace);
    let (secrets, environment) = (options.secrets, Arc::clone(&gateway.config.env));
    gateway.config.env =
        Arc::new(move |name| secrets.get(name).cloned().or_else(|| environment(name)));
    Ok(gateway)
}
