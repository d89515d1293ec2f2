//! Flags that several commands have, written once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use reqwest::Url;

use super::{Output, complain};
use crate::config::{self, Loaded, SecretPolicy};
use crate::settings::values;

/// Which routing file.
#[derive(Args, Debug)]
pub(super) struct RoutingFile {
    /// The routing file.
    #[arg(
        long,
        env = "SIGNALPOST_ROUTES",
        value_name = "FILE",
        default_value = "routes.toml"
    )]
    pub(super) routes: PathBuf,

    /// What providers call, without the path, as `serve --public-url` has it: some sign the address.
    #[arg(long, env = "SIGNALPOST_PUBLIC_URL", value_name = "URL", value_parser = values::public_url)]
    pub(super) public_url: Option<String>,
}

/// Where a running gateway's ops listener is.
#[derive(Args, Debug)]
pub(super) struct OpsListener {
    /// Where the gateway's ops listener is. Unless given: where --ops-listen says, on this machine.
    #[arg(long, env = "SIGNALPOST_OPS_URL", value_name = "URL", global = true)]
    ops_url: Option<Url>,

    /// What `serve` was told to listen on; of an address that stands for all, loopback is asked.
    #[arg(
        long,
        env = "SIGNALPOST_OPS_LISTEN",
        value_name = "ADDRESS",
        global = true
    )]
    #[arg(default_value = "127.0.0.1:8081", value_parser = values::address)]
    ops_listen: SocketAddr,
}

impl OpsListener {
    /// Why not, as a sentence.
    pub(super) fn url(&self) -> Result<Url, String> {
        if let Some(url) = &self.ops_url {
            return Ok(url.clone());
        }
        let mut listen = self.ops_listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(match listen.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let url = format!("http://{listen}");
        url.parse()
            .map_err(|error| format!("{url} is no address: {error}"))
    }
}

/// For whom to print.
#[derive(Args, Debug)]
pub(super) struct Printed {
    /// Print for people or for programs.
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    pub(super) output: Output,
}

impl RoutingFile {
    /// What the file holds, as far as its secrets are at hand; its errors go to stderr, and it is none then.
    pub(super) fn load(&self, allow_unverified: bool) -> Option<Loaded> {
        let mut options = config::Options::new("default");
        options.secrets = SecretPolicy::Warn;
        options.allow_unverified = allow_unverified;
        options.public_url.clone_from(&self.public_url);
        let loaded = config::load(&self.routes, &options);
        if loaded.plan.is_none() {
            for problem in loaded.problems.iter().filter(|it| it.is_error()) {
                complain(&problem.to_string());
            }
            return None;
        }
        Some(loaded)
    }
}
